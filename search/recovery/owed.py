"""Whether a run's config asks for recovery that was not done, or its user for something to be measured."""

from __future__ import annotations

from typing import Any

from ..runs.run import Run


def owed(run: Run) -> bool:
    """Whether the front is to be trained, or further than it was, or what its user trained is to be measured."""
    return bool(run.recovered.waiting()) or is_to_be_trained(run)


def is_to_be_trained(run: Run) -> bool:
    """Whether the front is to be trained, or further than it was."""
    return run.recover.wanted and run.recovered.done != request_of(run)


def request_of(run: Run) -> dict[str, Any]:
    """What the config asks for, and of how many trials; written once it is done."""
    asked = run.recover
    return {
        "minutes": asked.minutes,
        "steps": asked.steps,
        "where": list(asked.where),
        "data": asked.data,
        "recipes": [asked.recipe(few).digest for few in (False, True)],
        "trials": sum(run.counts.values()),
        **({"take": "always"} if asked.takes_all else {}),
    }
