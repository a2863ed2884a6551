"""A policy → a measured candidate: apply, emit, check, score, time. What is made once a run is made here once."""

from __future__ import annotations

import gc
import hashlib
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch

from ...compressors.base import Compressor, Stage, Target
from ...compressors.pipeline import compress, space_of
from ...compressors.registry import create
from ...compressors.statistics.calibration import Calibration
from ...spaces.errors import Infeasible, TaskError
from ...spaces.files import sha256_of, stamp_of
from ...spaces.network.emit import EXPORTED, Artifact, emit
from ...spaces.network.graph import Layer
from ...spaces.network.trace import trace
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace
from ...spaces.task import Task
from ..device.device import DeviceOptions
from ..device.device_profile import DeviceProfile
from ..device.errors import DeviceError, DeviceUnreachable, RequestRefused
from ..device.latency import LatencyProtocol
from ..device.lock import THIS_MACHINE, shared
from ..explain.shares import by_module
from ..quality.accuracy import open_session, split_inputs
from ..quality.cost import cost_of
from ..quality.parity import ParityError, check_parity, prove
from ..results.candidate import FINAL_SECONDS, STOPPED, Candidate
from ..results.front import Front
from ..results.measurement import Measurement
from ..results.metrics import device_of, is_timed, whole_of
from ..results.quality import quality_metric
from .dominance import Standing, refuse_beyond_budget
from .proxy_divergence import IMAGES as PROBED_IMAGES
from .proxy_divergence import QuickLook, repaired_by
from .race import Raced, race, time_only
from .reused_scores import BUILT_FOR, ReusedScores
from .split import Split
from .stopwatch import Stopwatch
from .timers import Timers

BASELINE = "baseline.onnx"
CALIBRATION_LIMIT = 512
PARITY_IMAGES = 4
TEST = "test_"
"""How metrics of the test split begin."""


class TaskEvaluator:
    """Evaluates the policies of one task on one device.

    Args:
        task: model, data, metric; already checked.
        compress: options by compressor name.
        devices: where latency is measured: one, or several by name. Candidates are built for the first.
        images: most search images to score a candidate on; all of them where None.
        seed: which images those are.
        latency: the protocol for candidates; the final step uses a longer one.
        memory: whether to measure every candidate's peak memory (0.4 s each), not only the front's.
        racing: whether to stop measuring candidates that are dominated; for top-1 accuracy only.
        reused: scores of the same task on another device, which are taken over, and for whose device artefacts
            are built.
        on_phase: told what goes on while the evaluator is made.

    Raises:
        TaskError: where the model offers nothing to compress, or the metric does not say which way is better.
        ConfigError: for compressors or options that do not exist.
        DeviceError: where the device cannot be reached.
    """

    def __init__(
        self,
        task: Task,
        compress: Mapping[str, Mapping[str, Any]],
        devices: DeviceOptions | Mapping[str, DeviceOptions],
        images: int | None = None,
        seed: int = 0,
        latency: LatencyProtocol | None = None,
        memory: bool = False,
        racing: bool = True,
        reused: ReusedScores | None = None,
        on_phase: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._quick: QuickLook | None = None
        self._other_arithmetic = False
        self._references: dict[Path, tuple[Candidate, tuple[int, int, int, int]]] = {}
        self._methods = compress
        self._memory = memory
        self._racing = racing and isinstance(task.metric, str)
        self._reused = reused
        self._on_phase = on_phase
        self._metric, self._test_data = task.metric, task.test
        self.quality = quality_metric(task)
        self._test: Split | None = None
        places = {"": devices} if isinstance(devices, DeviceOptions) else devices
        protocol = latency or LatencyProtocol()
        self._batch = protocol.batch
        self.timers = Timers(places, protocol)
        with ExitStack() as on_error:
            on_error.callback(self.timers.close)
            self._prepare(task, compress, images, seed)
            on_error.pop_all()

    def _prepare(self, task: Task, compress: Mapping[str, Mapping[str, Any]], images: int | None, seed: int) -> None:
        """All that is made once a run."""
        self._on_phase("starting the device" if len(self.timers.devices) == 1 else "starting the devices")
        self._profiles = self.timers.profiles
        self._target = _target(self.timers.first.profile)
        if self._reused is not None:
            built = _target(self._reused.profile)
            self._other_arithmetic = replace(built, vector_width=self._target.vector_width) != self._target
            self._target = replace(self._target, vector_width=built.vector_width)
            if self._other_arithmetic:
                self._on_phase(
                    "this device needs other int8 than the run was built for: what is quantised is made and scored anew"
                )
        self._compressors = [create(name, options, self._target) for name, options in compress.items()]
        self._on_phase("tracing the model and proving its channel groups")
        inputs, labels = split_inputs(task.calibration, CALIBRATION_LIMIT, seed)  # type: ignore[arg-type]
        calibration = torch.from_numpy(inputs).float()
        self.traced = trace(task.model, _pair(calibration), prove)
        self._space = space_of(self._compressors, self.traced.graph)
        if not len(self._space):
            reasons = "; ".join(f"{e.name}: {e.reason}" for e in self.traced.graph.excluded[:3])
            raise TaskError(f"the model has nothing to compress with {', '.join(compress)} ({reasons or 'no layers'})")
        self._on_phase("collecting calibration statistics")
        classes = torch.from_numpy(labels).long() if labels.dtype.kind in "iu" and labels.ndim == 1 else None
        self._calibration = Calibration(self.traced.net, calibration, classes)
        if self._reused is None and any(c.compensation == "least_squares" for c in self._compressors):
            _ = self._calibration.targets
        self._search = Split.of("", task.search, task.metric, images, seed, self.quality)
        gc.collect()
        gc.freeze()  # all of this stays: to go through it again in every collection took 30 ms of a candidate

    @property
    def space(self) -> SearchSpace:
        return self._space

    @property
    def layers(self) -> Mapping[str, Layer]:
        return self.traced.graph.by_name

    @property
    def bases(self) -> list[Policy]:
        return self.timers.main.anchors.policies

    @property
    def environment(self) -> Mapping[str, Any]:
        packages = ("parefront", "torch", "onnxruntime", "onnx", "onnx-ir", "optuna", "torch-pruning", "numpy")
        reused = self._reused
        named = {name: profile.to_json() for name, profile in self._profiles.items() if name}
        return {
            **({"scores_of": reused.run, **self._built_for} if reused else {}),
            "metric": self.quality.to_json(),
            "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
            "device": self.timers.first.profile.to_json(),
            **({"devices": named} if named else {}),
            "model_sha256": _digest(self.traced.net),
            "model": {
                "layers": len(self.traced.graph.layers),
                "knobs": len(self._space),
                "macs": self.traced.graph.macs,
            },
        }

    @property
    def _built_for(self) -> dict[str, Any]:
        """The device that artefacts are built for, where it is not the one that measures."""
        if self._reused is None or self._other_arithmetic:
            return {}
        return {BUILT_FOR: self._reused.profile.to_json()}

    def baseline(self, artifacts: Path) -> Candidate:
        """The uncompressed model, timed against itself: its ratio shows the noise of the device."""
        self._on_phase("measuring the uncompressed model")
        artifacts.mkdir(parents=True, exist_ok=True)
        path = artifacts / BASELINE
        self._references.clear()
        candidate, session = self._make(Policy(), path)
        self._refer_to(candidate)
        scores = self._scored(candidate.policy) or self._reference(self._search, session)
        latency = self.timers.start(self._space, path, self._alike)
        memory = {"memory_bytes": self._peak_memory(path)}
        for policy in self._anchor_policies():
            anchor = artifacts / f"anchor-{policy.digest}.onnx"
            try:
                made, _ = self._make(policy, anchor)
                self.timers.add_anchor(policy, anchor, made.sha256)
                self._refer_to(made)
            except DeviceUnreachable:
                raise
            except (Infeasible, ParityError, DeviceError):
                continue  # one that the device dies of must not end every session at its start
        metrics = {**scores, **latency, **candidate.metrics, **memory}
        self._uncompressed = replace(candidate, metrics=metrics)
        return self._uncompressed

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        watch = Stopwatch()
        self._make_sure_of_references()
        self._quick = None  # probes are over, and what they keep is large
        if (scores := self._scored(policy)) is not None:
            return self._time_again(policy, artifact, rivals, scores, watch)
        made, session = self._make(policy, artifact, watch, rivals)
        looks = self.timers.looks(policy, artifact)
        known = {**made.metrics, **self._peak(artifact, watch)}
        if rivals is not None and self._racing:
            raced = race(self._search, session, known, looks, Standing(rivals, self._search.looks), watch)
            return self._raced(made, raced, watch)
        with watch.step("accuracy"):
            known |= self._search.score(session)
        with watch.step("latency"):
            while (seen := looks.full()) is not None:
                known |= seen
        return replace(made, metrics=known, timings=watch.total())

    def _time_again(
        self, policy: Policy, artifact: Path, rivals: Front | None, scores: Mapping[str, Measurement], watch: Stopwatch
    ) -> Candidate:
        """A candidate of an earlier run: its file as it was scored, or made anew, timed on this device."""
        assert self._reused is not None
        made = self._reused.copy(policy, artifact)
        if made is None:
            made, _ = self._make(policy, artifact, watch, rivals)
            made = replace(made, notes=(*made.notes, *self._rebuilt(made)))
        elif rivals is not None:
            refuse_beyond_budget(made, rivals)
        known = {**made.metrics, **scores, **self._peak(artifact, watch)}
        standing = Standing(rivals, looks=0, scored=True) if rivals is not None and self._racing else None
        return self._raced(made, time_only(known, self.timers.looks(policy, artifact), standing, watch), watch)

    @property
    def _example(self) -> torch.Tensor:
        """The inputs that artefacts are checked on."""
        return self._calibration.inputs[:PARITY_IMAGES]

    @cached_property
    def _unrepaired(self) -> list[Compressor]:
        """The compressors, without the repair of what they leave."""
        found = [repaired_by("none", c, self._methods[c.name], self._target) for c in self._compressors]
        space_of(found, self.traced.graph)
        return found

    def _peak(self, artifact: Path, watch: Stopwatch) -> dict[str, Measurement]:
        """``memory_bytes``, where it is measured of every candidate."""
        if not self._memory:
            return {}
        with watch.step("memory"):
            return {"memory_bytes": self._peak_memory(artifact, repeats=1)}

    def _peak_memory(self, artifact: Path, repeats: int = 3) -> Measurement:
        """On the first device, of the batch that is timed."""
        return self.timers.first.memory(artifact, repeats=repeats, batch=self._batch)

    def _scored(self, policy: Policy, prefix: str = "") -> dict[str, Measurement] | None:
        """What an earlier run knows; nothing of what runs in an arithmetic that is another one on this device."""
        if self._reused is None or (self._other_arithmetic and self._runs_quantised(policy)):
            return None
        return self._reused.scores(policy, prefix)

    def _raced(self, made: Candidate, raced: Raced, watch: Stopwatch) -> Candidate:
        notes = (*made.notes, f"{STOPPED}: {raced.why}") if raced.why else made.notes
        return replace(made, metrics=raced.metrics, timings=watch.total(), notes=notes)

    def _rebuilt(self, made: Candidate) -> tuple[str, ...]:
        """A note where this is not byte for byte the file that was scored."""
        assert self._reused is not None
        same = self._reused.candidates[made.policy.digest].sha256 == made.sha256
        return () if same else ("rebuilt: other bytes than the file that was scored",)

    def probe_divergence(self, policy: Policy) -> float:
        if self._quick is None:
            inputs, classes = self._search.samples.inputs(0, PROBED_IMAGES), isinstance(self._metric, str)
            self._quick = QuickLook(self.traced, self._methods, self._target, self._calibration, inputs, classes)
        with shared(THIS_MACHINE):
            return self._quick.divergence(policy)

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
        """Of the network without a repair, which changes values of weights, and so no cost."""
        try:
            made, _ = self._make(policy, artifact, compressors=self._unrepaired)
            metrics = dict(made.metrics)
            if any(map(is_timed, keys)):
                metrics |= self.timers.looks(policy, artifact).closer() or {}
            if "memory_bytes" in keys:
                metrics["memory_bytes"] = self._peak_memory(artifact, repeats=1)
        except (ParityError, RequestRefused) as error:
            raise Infeasible(str(error)) from error
        return {key: metrics[key].value / whole_of(self._uncompressed, key) for key in keys}

    def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
        """As profiled on each device; energy is taken to go where the time goes."""
        timed = list(filter(is_timed, keys))
        shares = self.timers.shares(policy) if timed else {}
        return {key: by_module(shares[device_of(key)], self.traced.modules) for key in timed}

    def finalise(self, candidate: Candidate) -> Candidate:
        """Time the artefact again; the first time score it on the test split, and measure its peak memory, too."""
        assert candidate.artifact is not None
        self._make_sure_of_references()
        self.timers.settle()
        watch, metrics = Stopwatch(), dict(candidate.metrics)
        if not any(key.startswith(TEST) for key in metrics):
            with watch.step("test_accuracy"):
                metrics |= self._scored(candidate.policy, TEST) or self._score_on_test(candidate.artifact)
            with watch.step("memory"):
                metrics["memory_bytes"] = self._peak_memory(candidate.artifact, repeats=1)
        with watch.step(FINAL_SECONDS):
            metrics |= self.timers.measure_finally(candidate.policy, candidate.artifact)
        return replace(candidate, metrics=metrics, timings={**candidate.timings, **watch.seconds})

    def _score_on_test(self, artifact: Path) -> dict[str, Measurement]:
        if self._test is None:
            self._test = Split.of(TEST, self._test_data, self._metric, quality=self.quality)
            self._reference(self._test, open_session(self.timers.main.anchors.uncompressed))
        return self._test.score(open_session(artifact))

    def _reference(self, split: Split, session: ort.InferenceSession) -> dict[str, Measurement]:
        """Score the uncompressed model, which all others are compared with.

        Raises:
            TaskError: where the metric of the user's own is not finite.
        """
        try:
            return split.score_reference(session)
        except Infeasible as error:
            name = "test" if split.name else "search"
            raise TaskError(f"task.metric: {error}, of the uncompressed model on the {name} split") from error

    def _refer_to(self, made: Candidate) -> None:
        """Remember what others are timed against and compared with."""
        assert made.artifact is not None
        self._references[made.artifact] = made, stamp_of(made.artifact)

    def _make_sure_of_references(self) -> None:
        """Make what was touched or removed since it was made anew: equal policies give equal bytes."""
        for path, (made, stamp) in list(self._references.items()):
            if path.is_file() and stamp_of(path) == stamp:
                continue
            if not path.is_file() or sha256_of(path) != made.sha256:
                self._on_phase(f"making {path.name} anew: the file there is another one")
                emit(compress(self.traced.net, made.policy, self._compressors, self._calibration), path, self._example)
            self._refer_to(made)

    def _anchor_policies(self) -> list[Policy]:
        """For every method that changes the arithmetic, its middle choice everywhere."""
        ladders = self._space.ladders()
        policies = []
        for compressor in self._compressors:
            ladder = ladders.get(compressor.name, [])
            kinds = [kind for kind in dict.fromkeys(map(compressor.runs_as, ladder)) if kind != ladder[0]]
            if compressor.stage is Stage.QUANTISE and kinds:
                policies.append(self._space.uniform({compressor.name: kinds[len(kinds) // 2]}))
        return policies

    def _runs_quantised(self, policy: Policy) -> bool:
        """Whether any layer runs in another arithmetic than the uncompressed model's."""
        return any(
            compressor.runs_as(policy[name]) != self._space[name].neutral
            for compressor in self._compressors
            if compressor.stage is Stage.QUANTISE
            for name in policy
            if self._space[name].compressor == compressor.name
        )

    def _alike(self, policy: Policy) -> Policy:
        """The policy whose choices are the plainest that run in the same arithmetic."""
        by_name = {c.name: c for c in self._compressors}
        knobs = {name: self._space[name] for name in policy}
        plain = {name: by_name[knob.compressor].runs_as(policy[name]) for name, knob in knobs.items()}
        return Policy({name: choice for name, choice in plain.items() if choice != knobs[name].neutral})

    def close(self) -> None:
        self.timers.close()
        gc.unfreeze()

    def _make(
        self,
        policy: Policy,
        path: Path,
        watch: Stopwatch | None = None,
        rivals: Front | None = None,
        compressors: Sequence[Compressor] = (),
    ) -> tuple[Candidate, ort.InferenceSession]:
        """Apply, emit, count and check: a candidate with its exact costs, and a session on its artefact."""
        watch = watch or Stopwatch()
        example = self._example
        before = self._calibration.forward_seconds
        with watch.step("apply"), shared(THIS_MACHINE):
            net = compress(self.traced.net, policy, compressors or self._compressors, self._calibration)
        watch.seconds["apply_forward"] = self._calibration.forward_seconds - before
        watch.seconds["apply"] -= watch.seconds["apply_forward"]
        with watch.step("emit"):
            artifact = emit(net, path, example)
        with watch.step("count"):
            metrics = {**_size(artifact), **cost_of(net, example).measurements()}
        notes = (f"emitted by {EXPORTED}",) if artifact.made_by == EXPORTED else ()
        made = Candidate(policy, metrics, artifact.path, artifact.sha256, notes=notes)
        if rivals is not None:
            refuse_beyond_budget(made, rivals)
        with watch.step("session"):
            session = open_session(path)
        with watch.step("parity"):
            check_parity(session, net, example)
        return replace(made, timings=watch.total()), session


def _pair(inputs: torch.Tensor) -> torch.Tensor:
    """Two inputs to trace on; the one there is twice, where there is only one."""
    return inputs[:2] if len(inputs) > 1 else torch.cat([inputs, inputs])


def _target(profile: DeviceProfile) -> Target:
    saturates = not profile.is_arm and not {"avx512_vnni", "avx_vnni", "amx_int8"} & set(profile.flags)
    return Target(profile.vector_width, profile.signed_activations, full_range_weights=not saturates)


def _digest(net: torch.nn.Module) -> str:
    """SHA-256 of all weights, by name."""
    digest = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _size(artifact: Artifact) -> dict[str, Measurement]:
    return {"size_bytes": Measurement.exact(artifact.size_bytes, "bytes")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
