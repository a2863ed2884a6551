"""A run as it is shown: one line, a small page with its front and the members to begin with, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.errors import NoCandidate
from ...evaluators.results.fronts.front import Front
from ...evaluators.results.fronts.picks import picks
from ...evaluators.results.fronts.ties import best_to_json
from ...evaluators.results.views.policy_words import candidate_in_words, counted
from ...evaluators.results.views.rows import front_rows, html_table
from ...evaluators.results.views.written import worded
from .identity.fingerprint import Fingerprint
from .run_facts import place_in_words, precision_in_words


def run_line(counts: Mapping[str, int], front: Front | None, finished: bool) -> str:
    """``14 trials (12 complete, 2 infeasible), 5 on the front, best trial 3: accuracy 93.1 ± 0.5 %, latency 0.41x``."""
    ended = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    parts = [f"{counted(sum(counts.values()), 'trial')}{f' ({ended})' if ended else ''}"]
    if front is not None:
        parts += [f"{len(front)} on the front", *_best(front)]
    return ", ".join([*parts, *([] if finished else ["unfinished"])])


def run_page(
    name: str, date: str, devices: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int], front: Front
) -> str:
    """HTML: name, counts, devices and date, the members to begin with, the front as a table."""
    told = "; ".join(device_line(device) for device in devices.values())
    head = f"<b>{escape(name)}</b>, {escape(date[:10])}: {escape(run_line(counts, front, True))}<br>{escape(told)}"
    chosen = "".join(
        f"<li><b>{escape(' and '.join(pick.names))}</b>: {escape(_described(pick.candidate, front))}; "
        f"{escape(candidate_in_words(pick.candidate))}</li>"
        for pick in picks(front)
    )
    table = html_table(*front_rows(front.baseline, front.candidates, front.objectives, front.quality))
    return f"<div><p>{head}</p><ul>{chosen}</ul>{table}</div>"


def run_json(
    name: str,
    date: str,
    counts: Mapping[str, int],
    seconds: float,
    devices: Mapping[str, Mapping[str, Any]],
    task: Fingerprint | None,
    front: Front,
) -> dict[str, Any]:
    """What ``parefront front --json`` prints; ``device`` where there is one without a name, else ``devices``."""
    alone = devices.get("") if len(devices) == 1 else None
    return {
        "run": name,
        "date": date,
        "trials": counts,
        "seconds": seconds,
        **({"device": alone} if alone is not None else {"devices": devices}),
        "task": None if task is None else task.to_json(),
        **front.to_json(),
        "picks": [pick.to_json() for pick in picks(front)],
        "best": best_to_json(front),
    }


def device_line(device: Mapping[str, Any]) -> str:
    """``AMD EPYC, onnxruntime 1.31.0, 1 thread, batch 1``, with the device's name where it is another machine.

    The precision is told of a runtime that has a choice of it: ``openvino 2026.4.1 in bf16``. Where the runtime is
    searched all are told.
    """
    versions = " and ".join(map(_version, (device, *device.get("other_runtimes", ()))))
    return f"{place_in_words(device)}, {versions}, {counted(int(device['threads']), 'thread')}, batch {device['batch']}"


def _version(told: Mapping[str, Any]) -> str:
    runtime = told["runtime"]
    return f"{runtime['name']} {runtime['version']}".strip() + precision_in_words(told)


def _best(front: Front) -> list[str]:
    try:
        best = front.select()
    except NoCandidate:
        return ["none within the budget"]
    return [f"best {_described(best, front)}"]


def _described(candidate: Candidate, front: Front) -> str:
    known = [metric for metric in front.objectives if metric.key in candidate.metrics]
    return f"{candidate.label}: " + ", ".join(f"{m.name} {worded(candidate.metrics[m.key])}" for m in known)
