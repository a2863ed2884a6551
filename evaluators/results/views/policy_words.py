"""A policy in words: ``1 block dropped, 25 to 50 % of the channels gone in 3 places, 9 layers in int8``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ....spaces.knob import EVERY_LAYER, Choice
from ....spaces.policy import Policy
from ....spaces.runtime_knob import METHOD
from ..candidate import Candidate

UNCHANGED = "unchanged"

Words = Callable[[Mapping[str, Choice]], list[str]]


def policy_in_words(policy: Policy) -> str:
    """What was done to the network, by method in the order in which methods are applied; one of a plug-in last.

    It goes by the names of the methods and their choices alone, since importing the methods would import PyTorch.
    """
    by_method = policy.to_dict()
    ordered = [name for name in _WORDS if name in by_method] + [name for name in by_method if name not in _WORDS]
    parts = [part for name in ordered for part in _WORDS.get(name, _of_plug_in(name))(by_method[name])]
    return ", ".join(parts) or UNCHANGED


def candidate_in_words(candidate: Candidate) -> str:
    """What was done to the network, training included."""
    words, how = policy_in_words(candidate.policy), candidate.recovered
    if how is None:
        return words
    trained = "by its user" if how.given else f"for {counted(how.steps, 'step')}"
    return f"{words}, trained {trained}"


def counted(number: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _dropped(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{counted(len(choices), 'block')} dropped"]


def _merged(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{counted(len(choices), 'pair')} of layers merged"]


def _channels(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{_span(choices)} of the channels gone in {counted(len(choices), 'place')}"]


def _separable(choices: Mapping[str, Choice]) -> list[str]:
    ways = Counter("depthwise" if choice == "depthwise" else "grouped" for choice in choices.values())
    return [f"{counted(number, 'layer')} made {way}" for way, number in sorted(ways.items())]


def _low_rank(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{counted(len(choices), 'layer')} of low rank"]


def _exits(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{counted(len(choices), 'early exit')} at {_span(choices)}"]


def _sparse(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{_span(choices)} of the weights zero in {counted(len(choices), 'layer')}"]


def _shared(choices: Mapping[str, Choice]) -> list[str]:
    return [f"{counted(len(choices), 'layer')} of {_range(sorted(set(map(_number, choices.values()))))} shared weights"]


def _quantised(choices: Mapping[str, Choice]) -> list[str]:
    """``9 layers in int8, 2 layers with int4 weights``: a ``w`` before the bits leaves activations in float."""
    together = choices.get(EVERY_LAYER)
    found = Counter(str(choice) for target, choice in choices.items() if target != EVERY_LAYER)
    layers = {bits: counted(number, "layer") for bits, number in found.items()}
    layers |= {str(together): "all layers"} if together is not None else {}
    full = [f"{named} in int{bits}" for bits, named in layers.items() if not bits.startswith("w")]
    weights = [
        f"{named} with int{bits.removeprefix('w')} weights" for bits, named in layers.items() if bits.startswith("w")
    ]
    return full + weights


def _runtime(choices: Mapping[str, Choice]) -> list[str]:
    return [f"in {choice}" for choice in choices.values()]


def _of_plug_in(name: str) -> Words:
    return lambda choices: [f"{name} in {counted(len(choices), 'place')}"]


_WORDS: dict[str, Words] = {
    "drop_blocks": _dropped,
    "merge": _merged,
    "prune_channels": _channels,
    "separable": _separable,
    "low_rank": _low_rank,
    "early_exit": _exits,
    "prune_weights": _sparse,
    "share_weights": _shared,
    "quantize": _quantised,
    METHOD: _runtime,
}


def _span(choices: Mapping[str, Choice]) -> str:
    """``25 %``, or ``25 to 50 %``, of choices that are shares."""
    return f"{_range(sorted({100 * _number(choice) for choice in choices.values()}))} %"


def _range(numbers: list[float]) -> str:
    least, most = f"{numbers[0]:.3g}", f"{numbers[-1]:.3g}"
    return least if least == most else f"{least} to {most}"


def _number(choice: Choice) -> float:
    try:
        return float(choice)
    except ValueError:
        return 0.0
