"""A candidate's profile as it stands in the JSON of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...evaluators.results.fields import Fields
from ...evaluators.results.finding import Finding
from ...evaluators.results.profile import LayerTime, Profile


def profile_to_json(profile: Profile) -> dict[str, Any]:
    """Plain values; times in microseconds, to a hundredth."""
    return {
        "us": round(profile.us, 2),
        "before_us": round(profile.before_us, 2),
        "layers": [[layer.name, round(layer.us, 2), round(layer.before_us, 2)] for layer in profile.layers],
        "findings": [
            {**asdict(finding), "layers": list(finding.layers), "us": round(finding.us, 2)}
            for finding in profile.findings
        ],
        **_profiling(profile),
    }


def _profiling(profile: Profile) -> dict[str, float]:
    if profile.profiling_us is None:
        return {}
    own, before = profile.profiling_us
    return {"profiling_us": round(own, 2), "profiling_before_us": round(before, 2)}


def profile_of(fields: Fields) -> Profile:
    """The inverse of :func:`profile_to_json`.

    Raises:
        UnreadableFile: naming the file, the key and what came.
    """
    found = tuple(
        Finding(one.text("kind"), one.texts("layers"), one.number("us"), one.text("text"), one.text("mend"))
        for one in fields.each("findings")
    )
    known = "profiling_us" in fields
    profiling = (fields.number("profiling_us"), fields.number("profiling_before_us")) if known else None
    return Profile(_layers(fields), fields.number("us"), fields.number("before_us"), found, profiling)


def _layers(fields: Fields) -> tuple[LayerTime, ...]:
    listed, found = fields.values.get("layers"), []
    for item in listed if isinstance(listed, list) else [listed]:
        match item:
            case [str(name), int() | float() as us, int() | float() as before] if 0 <= us < 1e12 and 0 <= before < 1e12:
                found.append(LayerTime(name, float(us), float(before)))
            case _:
                raise fields.damaged(
                    f"key '{fields.within}.layers': expected lists of a name and two times in microseconds"
                )
    return tuple(found)
