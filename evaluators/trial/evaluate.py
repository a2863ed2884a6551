"""A policy becomes a measured candidate: built, scored and timed, and stopped early where another one dominates it."""

from __future__ import annotations

import gc
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import fx

from ...compressors.recovery.weights import read_weights
from ...compressors.target import Target
from ...spaces.errors import Infeasible, TaskError
from ...spaces.network.graph import Layer
from ...spaces.network.trace import Traced
from ...spaces.policy import Policy
from ...spaces.runtime_knob import runtime_in, without_runtime
from ...spaces.space import SearchSpace
from ...spaces.task import Task
from ...spaces.tensors.heap import give_back_freed_memory, keep_freed_memory
from ..device import worker
from ..device.device_options import DeviceOptions
from ..device.device_profile import DeviceProfile
from ..device.errors import DeviceError, DeviceUnreachable, RequestRefused
from ..device.latency import LatencyProtocol
from ..device.link import OpenDevice
from ..device.lock import THIS_MACHINE, shared
from ..device.units import own_device
from ..explain.shares import by_module
from ..quality.class_names import class_names_of
from ..quality.parity import ParityError
from ..results.candidate import FINAL_SECONDS, STOPPED, Candidate
from ..results.fronts.front import Front
from ..results.measurement import Measurement
from ..results.metric import ACCURACY, device_of, is_timed
from ..results.metrics import whole_of
from ..runtimes.runtime import ModelRejected
from .builder import Builder, Built, target_of
from .dominance import Standing
from .proxy_divergence import IMAGES as PROBED_IMAGES
from .proxy_divergence import ProxyDivergence
from .race import Raced, race
from .references import References
from .scores.scored_in import check_one_runtime, scored_in
from .scores.scorer import PICTURES, TEST, Scorer
from .stopwatch import Stopwatch
from .timing.clock import Clock
from .timing.exit_ways import Way, has_exits, ways_of
from .training.preparing import prepare

BASELINE = "baseline.onnx"
MEMORY = "memory_bytes"
MEMORY_REPEATS = 3
"""Readings of the uncompressed model's peak memory, each in a process of its own."""


class TaskEvaluator:
    """Evaluates the policies of one task on one device or several, with a builder, a scorer and a clock.

    Args:
        task: model, data, metric; already checked.
        compress: options by compressor name.
        devices: where latency is measured: one, or several by name. Candidates are built for the first.
        images: most search images to score a candidate on; all of them where None.
        seed: which images those are.
        latency: the protocol for candidates; the final step uses a longer one.
        memory: whether to measure every candidate's peak memory (0.4 s each), not only the front's.
        pictures: of how many test images that it answers otherwise a small picture is made of each final candidate.
        racing: whether to stop measuring candidates that are dominated, where the metric allows it.
        built_for: what artefacts are built for, given what the first device is; by default that device.
        on_phase: told what goes on while the evaluator is made.
        accept: called with what the devices say of themselves, by name, before the model is traced; may raise.
        open_device: makes the way to each device; by default this process owns them.

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
        pictures: int = PICTURES,
        built_for: Callable[[DeviceProfile], Target] = target_of,
        on_phase: Callable[[str], None] = lambda _: None,
        accept: Callable[[Mapping[str, DeviceProfile]], None] = lambda _: None,
        open_device: OpenDevice = own_device,
    ) -> None:
        places = {"": devices} if isinstance(devices, DeviceOptions) else devices
        check_one_runtime(places)
        keep_freed_memory()
        self._on_phase = on_phase
        self._memory = memory
        self._proxy: ProxyDivergence | None = None
        self.scorer = Scorer(task, images, seed, lambda model: self._scored.opens(model), pictures)
        self.racing = racing and self.scorer.can_race
        protocol = latency or LatencyProtocol()
        self._batch = protocol.batch
        self.clock = Clock(places, protocol, open_device, self._ways)
        with ExitStack() as on_error:
            on_error.callback(self.clock.close)
            on_phase("starting the device" if len(places) == 1 else "starting the devices")
            self._profiles = self.clock.profiles
            accept(self._profiles)
            first = self.clock.first
            target = built_for(first.profile)
            self._scored = scored_in(first, lambda: DeviceProfile.from_json(worker.profile()))
            if self._scored.why:
                on_phase(f"scoring on {first.name}: {'; '.join(self._scored.why)}")
            self.builder = Builder(task, compress, target, seed, built_for is target_of, on_phase, self._scored.opens)
            on_error.pop_all()
        self._class_names = class_names_of(task, self._classes)
        self._references = References(self.builder, on_phase)
        gc.collect()
        gc.freeze()  # all of this stays: to go through it again in every collection took 30 ms of a candidate

    @property
    def space(self) -> SearchSpace:
        return self.builder.space

    @property
    def traced(self) -> Traced:
        """The uncompressed network."""
        return self.builder.traced

    @property
    def layers(self) -> Mapping[str, Layer]:
        return self.traced.graph.by_name

    @property
    def bases(self) -> list[Policy]:
        return self.clock.main.anchors.policies

    @property
    def environment(self) -> Mapping[str, Any]:
        packages = ("parefront", "torch", "onnxruntime", "onnx", "onnx-ir", "optuna", "torch-pruning", "numpy")
        named = {name: profile.to_json() for name, profile in self._profiles.items() if name}
        return {
            "metric": self.scorer.quality.metric.to_json(),
            "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
            "device": self.clock.first.profile.to_json(),
            **self._scored.to_json(),
            **({"devices": named} if named else {}),
            "model_sha256": self.builder.model_sha256,
            **({} if self._classes is None else {"chance": 1 / self._classes}),
            **({"class_names": list(self._class_names)} if self._class_names else {}),
            "model": {
                "layers": len(self.traced.graph.layers),
                "knobs": len(self.space),
                "macs": self.traced.graph.macs,
            },
        }

    @property
    def _classes(self) -> int | None:
        """How many classes the model tells apart, where the metric is top-1 accuracy; None of another metric."""
        outputs = [node for node in self.traced.graph.nodes if node.op == "output"]
        if self.scorer.quality.metric != ACCURACY or len(outputs) != 1 or len(outputs[0].shape) != 1:
            return None
        return max(1, outputs[0].shape[0])

    def baseline(self, artifacts: Path, scores: Mapping[str, Measurement] | None = None) -> Candidate:
        """The uncompressed model, timed against itself: its ratio shows the noise of the device.

        Args:
            artifacts: the folder that it and the anchors are emitted into.
            scores: what it scores, where that is known; candidates are then not compared with it image by image.
        """
        artifacts.mkdir(parents=True, exist_ok=True)
        prepare(self.builder, artifacts, self._on_phase)
        self._on_phase("scoring the uncompressed model")
        path = artifacts / BASELINE
        built = self._build_uncompressed(path)
        found = scores or self.scorer.reference(built.session)
        self._on_phase("measuring the uncompressed model")
        latency = self.clock.start(self.space, path, self.builder.plainest_alike)
        memory = {MEMORY: self.clock.memory(path, MEMORY_REPEATS)}
        self._add_anchors(artifacts)
        metrics = {**found, **latency, **built.candidate.metrics, **memory}
        self._uncompressed = replace(built.candidate, metrics=metrics)
        return self._uncompressed

    def join(self, artifacts: Path, measured: Candidate, scores: Mapping[str, Measurement] | None = None) -> None:
        """Get ready to evaluate in a search that another process has begun, instead of :meth:`baseline`.

        The uncompressed model is built and scored here, the anchors are built; what they take is read from their files.

        Args:
            artifacts: with copies of the search's :func:`~.shared_files.shared_files`; models are emitted into it.
            measured: the uncompressed model, as the search has measured it.
            scores: what it scores, as for :meth:`baseline`.

        Raises:
            TaskError: where the same task gives another file here, so that candidates would be other ones, too.
        """
        path = artifacts / BASELINE
        prepare(self.builder, artifacts, self._on_phase)
        built = self._build_uncompressed(path)
        if built.candidate.sha256 != measured.sha256:
            raise TaskError(
                "task: its uncompressed model gives another file in this process than in the one that has begun the "
                "search (another version of torch or onnx, or a model that is made at random); make both alike"
            )
        if scores is None:
            self.scorer.reference(built.session)
        self.clock.join(self.space, path, self.builder.plainest_alike)
        self._add_anchors(artifacts)
        self._uncompressed = measured

    def _build_uncompressed(self, path: Path) -> Built:
        """The uncompressed model, as the first of the files that candidates are compared with."""
        self._references.clear()
        try:
            built = self.builder.build(Policy(), path)
        except ModelRejected as error:
            raise TaskError(f"task.model: {error}") from error
        self._references.add(built.candidate)
        return built

    def _add_anchors(self, artifacts: Path) -> None:
        """Build and time what candidates of another arithmetic are timed against."""
        for policy in self.builder.anchor_policies():
            self._on_phase(f"measuring {anchor_in_words(policy)}, which others are timed against")
            anchor = artifacts / f"anchor-{policy.digest}.onnx"
            try:
                made = self.builder.build(policy, anchor).candidate
                self.clock.add_anchor(policy, anchor, made.sha256)
                self._references.add(made)
            except DeviceUnreachable:
                raise
            except (Infeasible, ParityError, DeviceError):
                continue  # one that the device dies of must not end every session at its start

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        watch = Stopwatch()
        self.prepare()
        self.clock.take_readings()
        built = self.builder.build(policy, artifact, watch, rivals)
        if rivals is None or not self.racing or self._is_landmark(policy):
            return self._measured(built, policy, artifact, watch)
        made, looks = built.candidate, self.clock.looks(policy, artifact)
        known = {**made.metrics, **self.peak(artifact, watch)}
        search = self.scorer.search
        raced = race(search, built.session, known, looks, Standing(rivals, search.looks), watch)
        return self.timed(stopped_or_whole(made, raced, watch), watch)

    def _is_landmark(self, policy: Policy) -> bool:
        """Whether readers compare fronts with it, so that it is measured in full: where there are several runtimes, the
        network as it is and plainly quantised in each."""
        return len(self.clock.first.options.choices) > 1 and policy in self.bases

    def evaluate_trained(
        self, policy: Policy, weights: Path, artifact: Path, like: Candidate | None = None
    ) -> Candidate:
        watch = Stopwatch()
        self.prepare()
        self.clock.take_readings()
        if weights.suffix == ".onnx":
            built = self.builder.adopt(policy, weights, artifact, watch)
        else:
            built = self.builder.build(policy, artifact, watch, weights=read_weights(weights))
        if like is None or has_exits(artifact):
            return self._measured(built, policy, artifact, watch)
        taken = {key: value for key, value in like.metrics.items() if is_timed(key) or key == MEMORY}
        scores = self.scorer.score(built.session, partial(watch.work, "accuracy"), built.candidate.sha256)
        known = {**taken, **built.candidate.metrics, **scores}
        return self.timed(replace(built.candidate, metrics=known, timings=watch.total()), watch)

    def gain(self, candidate: Candidate, over: Candidate) -> Measurement:
        return self.scorer.gain(candidate, over)

    def glimpse(self, net: fx.GraphModule) -> float | None:
        return self.scorer.glimpse(net)

    def _measured(self, built: Built, policy: Policy, artifact: Path, watch: Stopwatch) -> Candidate:
        """What was built, scored and timed in full."""
        looks = self.clock.looks(policy, artifact)
        known = {**built.candidate.metrics, **self.peak(artifact, watch)}
        known |= self.scorer.score(built.session, partial(watch.work, "accuracy"))
        with watch.step("latency"):
            while (seen := looks.full()) is not None:
                known |= seen
        return self.timed(replace(built.candidate, metrics=known, timings=watch.total()), watch)

    def timed(self, candidate: Candidate, watch: Stopwatch) -> Candidate:
        """With what the watch and the devices tell of when something ran."""
        readings = self.clock.take_readings()
        return replace(candidate, spans=(*watch.spans, *readings), units=self.clock.units_in(readings))

    def _ways(self, artifact: Path) -> Sequence[Way]:
        """The ways that the samples of the search split take through a file with early exits."""
        split = self.scorer.search.samples
        return ways_of(artifact, lambda: split.part(0, len(split)), self._batch)

    def prepare(self) -> None:
        """Before a candidate: the reference files are what they were, and what probes keep is let go, which is much."""
        self._references.make_sure()
        self._proxy = None

    def peak(self, artifact: Path, watch: Stopwatch) -> dict[str, Measurement]:
        """``memory_bytes``, where it is measured of every candidate."""
        if not self._memory:
            return {}
        with watch.step("memory"):
            return {MEMORY: self.clock.memory(artifact, repeats=1)}

    def probe_divergence(self, policy: Policy) -> float:
        if self._proxy is None:
            builder, inputs = self.builder, self.scorer.inputs(PROBED_IMAGES)
            self._proxy = ProxyDivergence(builder.pipeline, builder.context, inputs, self.scorer.quality.classifies)
        with shared(THIS_MACHINE):
            return self._proxy.divergence(policy)

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
        """Of the network without a repair, which changes values of weights, and so no cost."""
        try:
            metrics = dict(self.builder.build(policy, artifact, repaired=False).candidate.metrics)
            if any(map(is_timed, keys)):
                metrics |= self.clock.looks(policy, artifact).closer() or {}
            if MEMORY in keys:
                metrics[MEMORY] = self.clock.memory(artifact, repeats=1)
        except (ParityError, RequestRefused) as error:
            raise Infeasible(str(error)) from error
        return {key: metrics[key].value / whole_of(self._uncompressed, key) for key in keys}

    def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
        """As profiled on each device; energy is taken to go where the time goes."""
        timed = list(filter(is_timed, keys))
        shares = self.clock.shares(policy) if timed else {}
        return {key: by_module(shares[device_of(key)], self.traced.modules) for key in timed}

    def finalise(self, candidate: Candidate, scores: Mapping[str, Measurement] | None = None) -> Candidate:
        """Time the artefact again; the first time score it on the test split, measure its peak memory, and profile its
        layers, too.

        Args:
            candidate: whose artefact is on disk.
            scores: on the test split, where they are known.
        """
        artifact = candidate.artifact
        assert artifact is not None
        self._references.make_sure()
        self.clock.settle()
        self.clock.take_readings()
        watch, metrics = Stopwatch(), dict(candidate.metrics)
        is_first = not any(key.startswith(TEST) for key in metrics)
        if is_first:
            with watch.step("test_accuracy"):
                uncompressed = self.clock.main.anchors.uncompressed
                if scores:
                    metrics |= scores
                else:
                    candidate = self.scorer.score_on_test(artifact, uncompressed).told_of(candidate)
                    metrics |= candidate.metrics
            with watch.step("memory"):
                metrics[MEMORY] = self.clock.memory(artifact, repeats=1)
        with watch.step(FINAL_SECONDS):
            metrics |= self.clock.measure_finally(candidate.policy, artifact)
        if is_first:
            with watch.step("profile"):
                found = self.clock.profile(artifact, self.traced.modules, metrics["latency_ratio"])
                candidate = replace(candidate, profile=found)
        units = tuple(dict.fromkeys((*candidate.units, *self.clock.units_in(self.clock.take_readings()))))
        timings = {**candidate.timings, **watch.seconds}
        return replace(candidate, metrics=metrics, timings=timings, units=units)

    def close(self) -> None:
        self.clock.close()
        gc.unfreeze()
        give_back_freed_memory()


def stopped_or_whole(made: Candidate, raced: Raced, watch: Stopwatch) -> Candidate:
    """A candidate with what racing has measured of it, and why it was stopped."""
    notes = (*made.notes, f"{STOPPED}: {raced.why}") if raced.why else made.notes
    return replace(made, metrics=raced.metrics, timings=watch.total(), notes=notes, stopped=raced.stopped)


def anchor_in_words(policy: Policy) -> str:
    """``the quantised model``, ``the uncompressed model in openvino:bf16``."""
    what, where = "quantised" if without_runtime(policy) else "uncompressed", runtime_in(policy)
    return f"the {what} model{f' in {where}' if where else ''}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
