"""The fields of a JSON file of a run, checked as they are read: an error names the file, the key, and what came."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ...spaces.errors import ConfigError
from ...spaces.files import UnreadableFile, read_json
from ...spaces.policy import Policy
from .measurement import Measurement
from .metric import Metric, score


@dataclass(frozen=True)
class Fields:
    """A JSON mapping of a run.

    Attributes:
        file: that it was read from, for messages.
        values: by key.
        within: the keys that lead to it inside of the file.
    """

    file: Path
    values: dict[str, Any]
    within: str = ""

    @classmethod
    def read(cls, file: Path) -> Fields:
        """The mapping in a file; each reader below raises ``UnreadableFile`` for a value of another kind.

        Raises:
            UnreadableFile: where the file is not a JSON mapping.
        """
        return cls(file, read_json(file))

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value(key, default)
        if not isinstance(value, str):
            self._wrong(key, "text", value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong(key, "a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self._wrong(key, "a finite number", value)
        return number

    def count(self, key: str) -> int:
        """A whole number that is not below zero."""
        value = self._value(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
            self._wrong(key, "a whole number, 0 or more", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._wrong(key, "a list of texts", value)
        return tuple(value)

    def fields(self, key: str, empty: bool = False) -> Fields:
        """A mapping; where there is none under that key, an ``empty`` one."""
        value = self._value(key, {} if empty else None)
        return (
            Fields(self.file, value, self._path(key)) if isinstance(value, dict) else self._wrong(key, "a map", value)
        )

    def each(self, key: str) -> Iterator[Fields]:
        """The mappings of a list."""
        value = self._value(key)
        if not isinstance(value, list):
            self._wrong(key, "a list", value)
        for index, item in enumerate(value):
            inner = f"{key}.{index}"
            if not isinstance(item, dict):
                self._wrong(inner, "a mapping", item)
            yield Fields(self.file, item, self._path(inner))

    def numbers(self, key: str, empty: bool = False) -> dict[str, float]:
        """A mapping to finite numbers; where there is none under that key, an ``empty`` one."""
        held = self.fields(key, empty)
        return {name: held.number(name) for name in held.values}

    def truth(self, key: str) -> bool:
        value = self._value(key)
        return value if isinstance(value, bool) else self._wrong(key, "true or false", value)

    def quality(self, key: str) -> Metric:
        """A task's own metric, as ``Metric.to_json`` wrote it."""
        held = self.fields(key)
        point = held.number("point") if "point" in held else None
        if point is not None and point < 0:
            held._wrong("point", "a number, 0 or more", point)
        return score(held.text("name"), held.truth("higher_is_better"), held.text("unit"), point)

    def measurement(self, key: str) -> Measurement:
        held = self.fields(key)
        value, low, high = (held.number(part) for part in ("value", "low", "high"))
        noisy, why = held.values.get("noisy") is True, held.texts("why_noisy") if "why_noisy" in held else ()
        among = held.fields("among") if "among" in held else None
        try:
            found = Measurement(value, low, high, held.count("n"), sys.intern(held.text("unit")), noisy, why)
            if among is None:
                return found
            return found.shared(sys.intern(among.text("anchor")), among.number("low"), among.number("high"))
        except ValueError as error:
            raise self.damaged(f"key {self._path(key)!r}: {error}") from error

    def policy(self) -> Policy:
        """Of the keys ``policy`` and ``digest``, which has to be the policy's."""
        try:
            policy = Policy.from_dict(self.fields("policy").values)
        except ConfigError as error:
            raise self.damaged(f"key {self._path('policy')!r}: {error}") from error
        if policy.digest != self.text("digest"):
            raise self.damaged(f"key {self._path('digest')!r}: it is not the digest of the policy there")
        return policy

    def damaged(self, problem: str) -> UnreadableFile:
        """The error that names the file; ``problem`` names the key."""
        return UnreadableFile(
            f"{self.file}: {problem}; the file is damaged, or was edited: restore it, or search in another run"
        )

    def _value(self, key: str, default: Any = None) -> Any:
        if key in self.values:
            return self.values[key]
        if default is None:
            raise self.damaged(f"there is no key {self._path(key)!r}")
        return default

    def _path(self, key: str) -> str:
        return f"{self.within}.{key}" if self.within else key

    def _wrong(self, key: str, expected: str, value: Any) -> NoReturn:
        shown = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
        shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
        raise self.damaged(f"key {self._path(key)!r}: expected {expected}, got {shown}")
