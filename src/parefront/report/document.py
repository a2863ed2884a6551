"""All that a page shows of a run, as one value: the front and its picks, every trial, the network, what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..evaluators.results.budget import Budget, all_met
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.classes.amplification import Amplification
from ..evaluators.results.classes.confidence import Confidence
from ..evaluators.results.classes.flips import Flips
from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.fronts.refuted import contradiction
from ..evaluators.results.fronts.ties import as_good_as
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.metric import Metric
from ..evaluators.results.views.policy_words import candidate_in_words, policy_in_words
from ..evaluators.results.views.rows import front_rows
from ..search.runs.landmarks import Landmark
from ..search.runs.record import TrialRecord
from ..search.runs.run import Run
from ..search.runs.run_facts import class_names_in
from ..search.runs.run_folder import argument_of
from ..search.runs.run_layers import left_out_of
from ..search.runs.tested_fields import amplification_to_json, confidence_to_json, flips_to_json
from ..spaces.masking import masked_text
from ..spaces.runtime_knob import runtime_in
from .advice import advised
from .axes import Axis, axes_of
from .course import Step, steps_of, time_spent
from .fairness import ClassRow, class_rows
from .flips import pictures_of
from .layer_times import LayerTimes
from .network import Network
from .sensitivity import ProbedChoice, probed_choices
from .trust import Trust

FORMAT = 1
"""Of the data in a page."""


@dataclass(frozen=True)
class Bound:
    """A budget as an axis shows it.

    Attributes:
        text: as it was written.
        key: of the metric.
        value: the bound, in the unit of the metric's measurements.
        at_most: whether it is an upper bound.
    """

    text: str
    key: str
    value: float
    at_most: bool


@dataclass(frozen=True)
class Report:
    """What a page shows of a run.

    Attributes:
        name: of the run.
        argument: how commands name it.
        finished: whether its final step is done.
        front: as ``parefront front --json`` prints it, with the picks.
        rows: headings and rows of the front as a table, for readers without scripts.
        objectives: of the search.
        selected: the trial that the page begins with: the best within the run's budgets, or without budgets the first
            pick; None of an empty front.
        useful: trials of the front that are above the floor, or meet the budgets on the quality.
        safe: those whose quality is as good as the uncompressed model's within the noise.
        fitting: trials of the front that meet all budgets of the run.
        floor: the worst quality that is of use, where no budget says so.
        contradicted: a sentence on what the run's budgets would choose by the search split alone, where the test split
            tells otherwise; else empty.
        axes: what can be put on an axis.
        bounds: the run's budgets.
        records: all trials.
        network: layers and knobs.
        known: landmarks.
        steps: the hypervolume trial by trial.
        spent: seconds by what they went into.
        trust: what it rests on.
        classes: of each member of the front, by its trial, what it changed in each class.
        subgroups: likewise in each subgroup.
        amplifications: of each member likewise, how far it leans towards the subgroups in which each class is frequent.
        confidences: of each member likewise, how sure of itself it is, and the uncompressed model.
        flips: of each member likewise, which images it answers otherwise.
        pictures: of those images, as PNG in base64, by their index.
        times: of each member of the front by its trial, and of the uncompressed model (None), what the layers take.
        probed: how far single choices move the outputs.
        runtimes: those that were searched, the first one first; nothing where there is one.
        class_names: in the order of the labels; nothing where they are unknown.
    """

    name: str
    argument: str
    finished: bool
    front: dict[str, Any]
    rows: tuple[list[str], list[list[str]]]
    objectives: tuple[Metric, ...]
    selected: int | None
    useful: tuple[int, ...]
    floor: float | None
    safe: tuple[int, ...]
    fitting: tuple[int, ...]
    contradicted: str
    axes: tuple[Axis, ...]
    bounds: tuple[Bound, ...]
    records: tuple[TrialRecord, ...]
    network: Network
    known: tuple[Landmark, ...]
    steps: tuple[Step, ...]
    spent: dict[str, float]
    trust: Trust
    classes: dict[int, tuple[ClassRow, ...]]
    subgroups: dict[int, tuple[ClassRow, ...]]
    amplifications: dict[int, Amplification]
    confidences: dict[int, Confidence]
    flips: dict[int, Flips]
    pictures: dict[int, str]
    times: dict[int | None, LayerTimes]
    probed: tuple[ProbedChoice, ...]
    runtimes: tuple[str, ...]
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, run: Run) -> Report:
        """Read a run, finished or not.

        Raises:
            ParefrontError: where it has measured nothing yet.
            UnreadableFile: where a file of it is damaged.
        """
        front, records = run.front, tuple(run.trials)
        measured = [record.candidate for record in records if record.candidate is not None]
        members = {candidate.trial: candidate for candidate in (*run.finalised.values(), *front)}
        candidates = [members.get(candidate.trial, candidate) for candidate in measured]
        document = run.to_json()
        empty = run.front_of((), run.search_baseline)
        network, left_out = Network.of(run.path, [record.policy for record in records]), left_out_of(run.path)
        flips = {c.trial: c.flips for c in front if c.trial is not None and c.flips is not None}
        return cls(
            name=run.name,
            argument=argument_of(run.path),
            finished=run.finished,
            front=document,
            rows=front_rows(front.baseline, front.candidates, front.objectives, front.quality),
            objectives=front.objectives,
            selected=_selected(front, document),
            safe=tuple(c.trial for c in front if c.trial is not None and as_good_as(c, front)),
            useful=tuple(
                candidate.trial for candidate in front if candidate.trial is not None and front.is_useful(candidate)
            ),
            floor=None if front.floor is None else front.floor.value,
            contradicted=_sentence(contradiction(front)),
            fitting=tuple(
                candidate.trial
                for candidate in front
                if candidate.trial is not None and all_met(front.budgets, candidate, front.baseline)
            ),
            axes=axes_of(front, candidates),
            bounds=_bounds(front.budgets, front.baseline),
            records=tuple(replace(r, candidate=members.get(r.number, r.candidate)) for r in records),
            network=network,
            known=run.landmarks_beside(front),
            steps=steps_of(records, empty),
            spent=time_spent(run),
            trust=Trust.of(run, [front.baseline, *candidates]),
            amplifications={
                c.trial: c.amplification for c in front if c.trial is not None and c.amplification is not None
            },
            confidences={c.trial: c.confidence for c in front if c.trial is not None and c.confidence is not None},
            flips=flips,
            pictures=pictures_of(run.path, flips),
            times={
                one.trial: LayerTimes.of(
                    advised(one.profile, network, one.policy), one, front.baseline, network, left_out
                )
                for one in (front.baseline, *front)
                if one.profile is not None
            },
            probed=probed_choices(run.path),
            runtimes=front.runtimes,
            class_names=class_names_in(run.environment),
            classes={c.trial: class_rows(c.classes) for c in front if c.trial is not None and c.classes},
            subgroups={c.trial: class_rows(c.subgroups) for c in front if c.trial is not None and c.subgroups},
        )

    def to_json(self) -> dict[str, Any]:
        """What stands in the page."""
        members = {entry["trial"] for entry in self.front["candidates"]}
        return {
            "format": FORMAT,
            "name": self.name,
            "argument": self.argument,
            "finished": self.finished,
            "front": self.front,
            "selected": self.selected,
            "useful": list(self.useful),
            "floor": self.floor,
            "safe": list(self.safe),
            "fitting": list(self.fitting),
            "contradicted": self.contradicted,
            "axes": [axis.to_json() for axis in self.axes],
            "bounds": [asdict(bound) for bound in self.bounds],
            "trials": [self._trial(record, record.number in members) for record in self.records],
            "network": self.network.to_json(),
            "landmarks": [landmark.to_json() for landmark in self.known],
            "steps": [[step.trial, step.seconds, step.hypervolume] for step in self.steps],
            "spent": self.spent,
            "trust": self.trust.to_json(),
            "subgroups": {str(trial): [row.to_json() for row in rows] for trial, rows in self.subgroups.items()},
            "classes": {str(trial): [row.to_json() for row in rows] for trial, rows in self.classes.items()},
            "amplifications": {str(trial): amplification_to_json(one) for trial, one in self.amplifications.items()},
            "confidences": {str(trial): confidence_to_json(one) for trial, one in self.confidences.items()},
            "flips": {str(trial): flips_to_json(flips) for trial, flips in self.flips.items()},
            "pictures": {str(index): picture for index, picture in self.pictures.items()},
            "times": {"" if trial is None else str(trial): times.to_json() for trial, times in self.times.items()},
            "probed": [one.to_json() for one in self.probed],
            "objectives": [metric.key for metric in self.objectives],
            "runtimes": list(self.runtimes),
            "class_names": list(self.class_names),
        }

    def _trial(self, record: TrialRecord, member: bool) -> dict[str, Any]:
        """A trial; the measurements of a member stand in the front."""
        candidate = record.candidate
        shown: dict[str, Any] = {
            "trial": record.number,
            "outcome": record.outcome.value,
            "seconds": round(record.seconds, 3),
            "done": self._done(record),
            "policy": self.network.encoded(record.policy),
        }
        if candidate is None:
            return {**shown, "reason": masked_text(record.reason)}
        notes = {"notes": list(map(masked_text, candidate.notes))} if candidate.notes else {}
        trained = {"trained": candidate.recovered.steps} if candidate.recovered is not None else {}
        metrics = {} if member else {"metrics": self._short(candidate)}
        return {**shown, **notes, **trained, "member": member, **metrics}

    def _done(self, record: TrialRecord) -> str:
        """What was done, in words; where the runtime is searched that is told of those in the first one, too."""
        candidate = record.candidate
        words = policy_in_words(record.policy) if candidate is None else candidate_in_words(candidate)
        return words if runtime_in(record.policy) or not self.runtimes else f"{words}, in {self.runtimes[0]}"

    def _short(self, candidate: Candidate) -> dict[str, Any]:
        """Value, low and high of the metrics that can be on an axis; a fourth entry says whether it is noisy.

        A fifth is an anchor, and the interval among what was measured through it.
        """
        keys = [axis.key for axis in self.axes if axis.key in candidate.metrics]
        return {key: _three(candidate.metrics[key]) for key in keys}


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _three(measured: Measurement) -> list[Any]:
    numbers = [measured.value, measured.low, measured.high]
    shared = [[measured.anchor, *measured.among]] if measured.among else []
    return [*numbers, *([measured.noisy, *shared] if measured.noisy or shared else [])]


def _selected(front: Front, document: dict[str, Any]) -> int | None:
    if front.budgets:
        try:
            return front.select().trial
        except NoCandidate:
            pass
    picks: Sequence[dict[str, Any]] = document["picks"]
    return picks[0]["trial"] if picks else None


def _bounds(budgets: Sequence[Budget], baseline: Candidate) -> tuple[Bound, ...]:
    return tuple(Bound(b.text, b.metric.key, b.on_axis(baseline), b.at_most) for b in budgets)
