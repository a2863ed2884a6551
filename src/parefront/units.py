"""How numbers are written for people: counts, bytes, durations, and metrics by their unit."""

from __future__ import annotations

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: float) -> str:
    """A number with three digits and its unit prefix: ``1.23M``."""
    for limit, prefix in PREFIXES:
        if abs(number) >= 0.9995 * limit:
            return _three_digits(number / limit) + prefix
    return f"{number:.0f}"


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
    return f"{100 * fraction:.{digits}f}%"


def score(value: float) -> str:
    """A number in a unit of its own, with four significant digits: ``0.03125``, ``28.31``."""
    return f"{value:.4g}"


def ratio(value: float) -> str:
    """``0.5`` as ``0.500x``."""
    return f"{value:.3f}x"


def milliseconds(value: float) -> str:
    """Three significant digits: ``0.0412``, ``1.27``, ``163``."""
    return _three_digits(value)


def _three_digits(value: float) -> str:
    size_of = abs(value)
    digits = 0 if size_of >= 99.95 else 1 if size_of >= 9.995 else 2 if size_of >= 0.9995 else 3
    return f"{value:.{digits}f}"


def plural(number: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
