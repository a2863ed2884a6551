"""A runtime and a precision as one choice, which has a name in policies, files and runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .registry import runtime_of
from .runtime import AUTO

_BETWEEN = ":"


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """What runs a file.

    Attributes:
        runtime: by its name in a config.
        precision: that floats are computed in.
    """

    runtime: str
    precision: str = AUTO

    @property
    def name(self) -> str:
        """``onnxruntime``, ``openvino:bf16``."""
        return self.runtime if self.precision == AUTO else f"{self.runtime}{_BETWEEN}{self.precision}"

    @classmethod
    def of(cls, name: str) -> RuntimeChoice:
        """The inverse of :attr:`name`."""
        runtime, _, precision = name.partition(_BETWEEN)
        return cls(runtime, precision or AUTO)


def choices_of(runtimes: Sequence[str], precisions: Sequence[str]) -> tuple[RuntimeChoice, ...]:
    """Every runtime in every one of the precisions that it has; in its own where it has none of them.

    Raises:
        ConfigError: for an unknown runtime.
        ValueError: where one comes twice, none is given, or none of the runtimes has one of the precisions.
    """
    for what, given in (("runtime", runtimes), ("precision", precisions)):
        if not given or len(set(given)) < len(given):
            raise ValueError(f"{what}: expected one, or a list of different ones, got {list(given)!r}")
    found = tuple(choice for runtime in runtimes for choice in _in_precisions(runtime, precisions))
    if nowhere := [each for each in precisions if each not in {choice.precision for choice in found}]:
        known = dict.fromkeys(each for runtime in runtimes for each in runtime_of(runtime).precisions)
        raise ValueError(
            f"precision: expected one of {', '.join(known)} with runtime {', '.join(runtimes)}, got {nowhere[0]!r}"
        )
    return found


def _in_precisions(runtime: str, precisions: Sequence[str]) -> Iterator[RuntimeChoice]:
    offered = [each for each in precisions if each in runtime_of(runtime).precisions]
    yield from (RuntimeChoice(runtime, each) for each in offered or [AUTO])
