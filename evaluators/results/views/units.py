"""How numbers are written for people: counts, bytes, durations, ratios. Measurements: ``written.py`` beside it."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: float) -> str:
    """A number with three digits and its unit prefix: ``1.23M``."""
    for limit, prefix in PREFIXES:
        if abs(number) >= 0.9995 * limit:
            return milliseconds(number / limit) + prefix
    return fixed(number, 0)


def size(number_of_bytes: float) -> str:
    """Bytes with three digits: ``312 KB`` (1 KB is 1,000 bytes, as in budgets)."""
    text = count(number_of_bytes).upper()
    return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"


def duration(seconds: float) -> str:
    """Minutes and seconds, ``3:05``, from an hour on with the hours, ``1:03:05``."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(fraction: float, digits: int = 1) -> str:
    """``0.934`` as ``93.4%``."""
    return f"{fixed(100 * fraction, digits)}%"


def score(value: float) -> str:
    """A number in a unit of its own, with four significant digits: ``0.03125``, ``28.31``, ``999600``, ``3.3e-8``."""
    return f"{float(f'{value:.4g}'):.15g}".replace("e-0", "e-")


def ratio(value: float) -> str:
    """``0.5`` as ``0.500x``."""
    return f"{fixed(value, 3)}x"


def milliseconds(value: float) -> str:
    """Three digits, of a value from 0.01 to 1 three decimals: ``0.00498``, ``0.041``, ``1.27``, ``163``."""
    return fixed(value, decimals(value))


def decimals(value: float) -> int:
    """How many decimals :func:`milliseconds` gives a value."""
    magnitude = abs(value)
    if 0 < magnitude < 0.00995:
        return min(9, 2 - math.floor(math.log10(magnitude)))
    return 0 if magnitude >= 99.95 else 1 if magnitude >= 9.995 else 2 if magnitude >= 0.9995 else 3


def fixed(value: float, places: int) -> str:
    """So many decimals; halves are rounded away from zero as JavaScript's ``toFixed`` does, and zero has no sign."""
    text = f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def plural(number: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
