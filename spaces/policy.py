"""A policy: one choice for every knob, as a value that can be hashed, compared, written and read."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from .errors import ConfigError
from .knob import Choice
from .plain_yaml import parse_yaml


class Policy(Mapping[str, Choice]):
    """Choices that differ from "leave as is", by knob name. Frozen; the uncompressed model is the empty policy.

    Knobs that are absent are left as they are, so a policy keeps its meaning and its digest when a knob is added
    to the space.
    """

    __slots__ = ("_choices", "_digest")

    def __init__(self, choices: Mapping[str, Choice] | None = None) -> None:
        self._choices = dict(sorted((choices or {}).items()))
        canonical = json.dumps(self._choices, sort_keys=True, separators=(",", ":"))
        self._digest = hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits. Equal policies have equal digests."""
        return self._digest

    def of(self, compressor: str) -> dict[str, Choice]:
        """The choices of one compressor, by target."""
        prefix = compressor + "/"
        return {name.removeprefix(prefix): choice for name, choice in self.items() if name.startswith(prefix)}

    def to_dict(self) -> dict[str, dict[str, Choice]]:
        """Choices by compressor, then by target; what the YAML and the JSON show."""
        nested: dict[str, dict[str, Choice]] = {}
        for name, choice in self.items():
            compressor, target = name.split("/", 1)
            nested.setdefault(compressor, {})[target] = choice
        return nested

    @classmethod
    def from_dict(cls, nested: Mapping[str, Any]) -> Policy:
        """The inverse of :meth:`to_dict`.

        Raises:
            ConfigError: where it is not a mapping of mappings of plain values.
        """
        choices: dict[str, Choice] = {}
        for compressor, targets in nested.items():
            if not isinstance(targets, Mapping):
                raise ConfigError(f"policy: expected a mapping of targets under {compressor!r}, got {targets!r}")
            for target, choice in targets.items():
                if not isinstance(choice, bool | int | float | str):
                    raise ConfigError(f"policy: expected a plain value for {compressor}/{target}, got {choice!r}")
                choices[sys.intern(f"{compressor}/{target}")] = choice  # one name for all policies that are read
        return cls(choices)

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=True) if self._choices else "{}\n"

    @classmethod
    def from_yaml(cls, text: str) -> Policy:
        """The inverse of :meth:`to_yaml`; ``ConfigError`` where it is no YAML, or no policy."""
        nested = parse_yaml(text)
        if not isinstance(nested, Mapping):
            raise ConfigError(f"policy: expected a YAML mapping, got {type(nested).__name__}")
        return cls.from_dict(nested)

    def __getitem__(self, name: str) -> Choice:
        return self._choices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._choices)

    def __len__(self) -> int:
        return len(self._choices)

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._digest == other._digest

    def __repr__(self) -> str:
        return f"Policy({self._choices!r})"
