"""How sure a candidate is of itself, and which samples it answers otherwise, as they stand in the JSON of a run."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Any

from ...evaluators.results.classes.amplification import Amplification
from ...evaluators.results.classes.confidence import Confidence
from ...evaluators.results.classes.flips import Flip, Flips
from ...evaluators.results.fields import Fields


def confidence_to_json(confidence: Confidence) -> dict[str, Any]:
    return {field.name: getattr(confidence, field.name).to_json() for field in fields_of(confidence)}


def confidence_in(fields: Fields) -> Confidence:
    """The inverse of :func:`confidence_to_json`; raises ``UnreadableFile`` where it cannot be."""
    return Confidence(**{field.name: fields.measurement(field.name) for field in fields_of(Confidence)})


def amplification_to_json(amplification: Amplification) -> dict[str, Any]:
    return {field.name: getattr(amplification, field.name).to_json() for field in fields_of(amplification)}


def amplification_in(fields: Fields) -> Amplification:
    """The inverse of :func:`amplification_to_json`; raises ``UnreadableFile`` where it cannot be."""
    return Amplification(**{field.name: fields.measurement(field.name) for field in fields_of(Amplification)})


def flips_to_json(flips: Flips) -> dict[str, Any]:
    """Without pictures, which lie beside it."""
    shown = [[flip.index, flip.label, flip.before, flip.after] for flip in flips.shown]
    return {"count": flips.count, "n": flips.n, "shown": shown}


def flips_in(fields: Fields) -> Flips:
    """The inverse of :func:`flips_to_json`; raises ``UnreadableFile`` where it cannot be."""
    listed, found = fields.values.get("shown"), []
    for item in listed if isinstance(listed, list) else [listed]:
        match item:
            case [int() as index, int() as label, int() as before, int() as after] if all(0 <= n < 2**53 for n in item):
                found.append(Flip(index, label, before, after))
            case _:
                raise fields.damaged(f"key '{fields.within}.shown': expected lists of index, label, before and after")
    return Flips(fields.count("count"), fields.count("n"), tuple(found))
