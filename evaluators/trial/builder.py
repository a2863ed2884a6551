"""A policy becomes an artefact: the network is compressed, emitted, counted and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from ...compressors.base import Compressor
from ...compressors.context import Context
from ...compressors.pipeline import Pipeline
from ...compressors.recovery.steps import is_finished, set_finished
from ...compressors.recovery.weights import Weights, set_weights
from ...compressors.registry import create
from ...compressors.repair.registry import repair_of
from ...compressors.stage import Stage
from ...compressors.statistics.calibration import Calibration
from ...compressors.target import Target
from ...spaces.errors import ConfigError, Infeasible, TaskError
from ...spaces.files import read_bytes, write_bytes
from ...spaces.knob import Choice
from ...spaces.network.emit import EXPORTED, Artifact, emit
from ...spaces.network.graph import Exclusion
from ...spaces.network.trace import Traced, trace
from ...spaces.policy import Policy
from ...spaces.runtime_knob import RUNTIME, without_runtime
from ...spaces.space import SearchSpace
from ...spaces.task import Task
from ...spaces.tensors.batch import Tensors, joined, to_tensors
from ...spaces.tensors.sharing import to_array
from ..device.device_profile import DeviceProfile
from ..quality.accuracy import open_session, split_batch
from ..quality.cost import cost_of
from ..quality.exit_parity import check_every_way
from ..quality.parity import check_likeness, prove
from ..quality.reading import Targets
from ..quality.task_signature import input_form
from ..restore.plain import plain
from ..results.candidate import Candidate
from ..results.fronts.front import Front
from ..results.measurement import Measurement
from ..runtimes.onnx_runtime import OnnxRuntime
from ..runtimes.runtime import Opener, Runtime
from ..runtimes.session import Session
from .dominance import refuse_beyond_budget
from .scores.openers import Openers
from .stopwatch import Stopwatch

CALIBRATION_LIMIT = 512
PARITY_IMAGES = 4
BY_ONNX_RUNTIME = Openers({OnnxRuntime.name: Opener(OnnxRuntime())})


@dataclass(frozen=True)
class Built:
    """An artefact that was checked.

    Attributes:
        candidate: the policy, its file, and the costs that are known exactly; nothing of it is scored or timed.
        session: on the file, on this machine.
    """

    candidate: Candidate
    session: Session


class Builder:
    """Builds the artefacts of one task's policies for one kind of device.

    Args:
        task: whose model is compressed, with the statistics of its calibration split; already checked.
        methods: options by compressor name.
        target: what compressors must know of the device.
        seed: which calibration images are taken where there are more than 512.
        least_squares: whether to collect what repairs by least squares ask for at once, where any method wants them.
        on_phase: told what goes on meanwhile.
        opens: opens artefacts in the runtime that they are scored in. For one that takes no functions they are written
            with plain weights. Where there are several, which one is a knob of the space.

    Raises:
        TaskError: where the model offers nothing to compress.
        ConfigError: for compressors or options that do not exist.
    """

    def __init__(
        self,
        task: Task,
        methods: Mapping[str, Mapping[str, Any]],
        target: Target,
        seed: int = 0,
        least_squares: bool = True,
        on_phase: Callable[[str], None] = lambda _: None,
        opens: Openers = BY_ONNX_RUNTIME,
    ) -> None:
        self._opens = opens
        compressors = [create(name, options, target) for name, options in methods.items()]
        on_phase("tracing the model and proving its channel groups")
        self.form = form = input_form(task)
        inputs, labels = split_batch(task.calibration, form, CALIBRATION_LIMIT, seed)  # type: ignore[arg-type]
        calibration = to_tensors(inputs)
        traced = trace(task.model, form.restore(_pair(calibration)), prove, on_phase)
        left_out = _left_out(traced, compressors)
        self.traced = _without(traced, left_out)
        self.pipeline = Pipeline.of(compressors, self.traced.graph)
        self.space: SearchSpace = self.pipeline.space
        if self.space.fixed and not len(self.space):
            raise ConfigError(
                f"compress: {self.space.fixed[0].compressor} leaves every layer one choice, so that there is nothing "
                "to search; give it a second choice (bits: [32, 8], mixed_precision: false), or name another method"
            )
        if not len(self.space):
            reasons = "; ".join(f"{e.name}: {e.reason}" for e in self.traced.graph.excluded[:3])
            raise TaskError(f"the model has nothing to compress with {', '.join(methods)} ({reasons or 'no layers'})")
        if opens.knob is not None:
            self.space = self.space.beginning_with(opens.knob)
        on_phase("collecting calibration statistics")
        self.calibration = Calibration(self.traced.net, calibration, classes_of(labels))
        self.context = Context(self.traced.graph, self.calibration, target, task.train, seed, left_out=left_out)
        if least_squares and any(repair_of(plan.repair).by_least_squares for plan in self.pipeline.plans):
            _ = self.calibration.targets

    def build(
        self,
        policy: Policy,
        path: Path,
        watch: Stopwatch | None = None,
        rivals: Front | None = None,
        repaired: bool = True,
        weights: Weights | None = None,
    ) -> Built:
        """Apply, emit to ``path``, count and check.

        Args:
            policy: what to do to the network.
            path: where the ONNX file goes.
            watch: where the seconds of the steps go.
            rivals: the front so far; what is beyond one of its budgets by its exact costs is refused.
            repaired: whether what compressors leave behind is repaired, which changes values of weights and no cost.
            weights: what the network was trained to; by default it is left as repaired.

        Raises:
            Infeasible: where the policy has no model, or is beyond a budget.
            ParityError: where the file computes something else than the network.
        """
        watch = watch or Stopwatch()
        before = self.calibration.forward_seconds
        with watch.work("apply"):
            net = self.network(policy, weights, repaired)
        watch.seconds["apply_forward"] = self.calibration.forward_seconds - before
        watch.seconds["apply"] -= watch.seconds["apply_forward"]
        with watch.work("emit"):
            artifact = self._emit(net, path, policy)
        with watch.work("count"):
            metrics = {**_size(artifact), **cost_of(net, self._example).measurements()}
        notes = (f"emitted by {EXPORTED}",) if artifact.made_by == EXPORTED else ()
        made = Candidate(policy, metrics, artifact.path, artifact.sha256, notes=notes)
        if rivals is not None:
            refuse_beyond_budget(made, rivals)
        with watch.work("session"):
            session = self._opens(path)
        with watch.work("parity"):
            self._check(session, path, net, self._opens.runtime_of(policy), repaired)
        return Built(replace(made, timings=watch.total()), session)

    def adopt(self, policy: Policy, source: Path, path: Path, watch: Stopwatch | None = None) -> Built:
        """Take the file ``source`` for the policy's artefact: the one at ``path`` gets its bytes.

        Of the policy's own artefact it has to have the inputs and outputs, and it is taken to have its operations.

        Args:
            policy: what was done to the network before its weights were trained.
            source: an ONNX file.
            path: where the artefact goes.
            watch: as for :meth:`build`.

        Raises:
            Infeasible: where it has other inputs or outputs.
        """
        own = self.build(policy, path, watch)
        content = self._loadable(read_bytes(source), policy)
        write_bytes(path, content)
        session = self._opens(path)
        expected, given = map(_interface, (own.session, session))
        if given != expected:
            raise Infeasible(f"{source.name}: expected {expected}, got {given}")
        size = Measurement.exact(len(content), "bytes")
        metrics = {**own.candidate.metrics, "size_bytes": size}
        made = replace(own.candidate, metrics=metrics, sha256=hashlib.sha256(content).hexdigest())
        return Built(made, session)

    def network(self, policy: Policy, weights: Weights | None = None, repaired: bool = True) -> fx.GraphModule:
        """What :meth:`build` emits, for the same arguments."""
        finished = weights if weights is not None and is_finished(weights) else None
        floating = weights if finished is None else None
        pipeline = self.pipeline if repaired and floating is None else self.unrepaired
        net = pipeline.structured(self.traced.net, policy, self.context)
        if floating is not None:
            set_weights(net, floating)
        net = pipeline.finished(net, policy, self.context)
        if finished is not None:
            set_finished(net, finished)
        return net

    def emit_again(self, policy: Policy, path: Path) -> None:
        """Write the policy's artefact without checking it: equal policies give equal bytes (`Pipeline.apply`)."""
        self._emit(self.pipeline.apply(self.traced.net, policy, self.context), path, policy)

    def _emit(self, net: fx.GraphModule, path: Path, policy: Policy) -> Artifact:
        """Write a network as the policy's runtime takes it."""
        artifact = emit(net, path, self._example)
        if self._opens.takes_as_emitted(policy):
            return artifact
        packed = read_bytes(path)
        content = self._loadable(packed, policy)
        if content is packed:
            return artifact
        write_bytes(path, content)
        return replace(artifact, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))

    def _loadable(self, content: bytes, policy: Policy) -> bytes:
        """A file as the policy's runtime takes it."""
        taken = content if self._opens.runtime_of(policy).takes_functions else plain(content)
        return self._opens.marked(taken, policy)

    def _check(self, session: Session, path: Path, net: fx.GraphModule, runtime: Runtime, thoroughly: bool) -> None:
        """Compare the file with its network in ONNX Runtime; and ``thoroughly``, in the runtime that scores it, too."""
        if runtime.is_exact:
            check_every_way(session, path, net, self._example)
            return
        check_every_way(open_session(path), path, net, self._example)
        if thoroughly:
            check_likeness(session, net, self._example)

    @cached_property
    def model_sha256(self) -> str:
        """SHA-256 of all weights of the traced model, by name."""
        digest = hashlib.sha256()
        for name, tensor in self.traced.net.state_dict().items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(to_array(tensor)).data)
        return digest.hexdigest()

    def anchor_policies(self) -> list[Policy]:
        """For every method that changes the arithmetic, its middle choice everywhere; and all of it in every runtime.

        The network as it is comes among them for all runtimes but the first.
        """
        ladders = self.space.ladders()
        policies = [Policy()]
        for plan in self.pipeline.plans:
            ladder, neutral = ladders.get(plan.method, []), {knob.neutral for knob in plan.knobs}
            kinds = [kind for kind in dict.fromkeys(map(plan.runs_as, ladder)) if kind not in neutral]
            if plan.stage == Stage.QUANTISE and kinds:
                policies.append(self.space.uniform({plan.method: kinds[len(kinds) // 2]}))
        runtimes = self.space[RUNTIME].choices if self._opens.knob is not None else ("",)
        everywhere = [self._in(runtime, policy) for policy in policies for runtime in runtimes]
        return [policy for policy in everywhere if policy]

    def _in(self, runtime: Choice, policy: Policy) -> Policy:
        """The same in a runtime; ``""`` where there is one."""
        is_first = not runtime or runtime == self.space[RUNTIME].neutral
        return policy if is_first else Policy({**policy, RUNTIME: runtime})

    def runs_quantised(self, policy: Policy) -> bool:
        """Whether any layer runs in another arithmetic than the uncompressed model's."""
        return any(
            plan.runs_as(policy[name]) != self.space[name].neutral
            for plan in self.pipeline.plans
            if plan.stage == Stage.QUANTISE
            for name in policy
            if self.space[name].compressor == plan.method
        )

    def plainest_alike(self, policy: Policy) -> Policy:
        """The policy whose choices are the plainest that run in the same arithmetic, in the same runtime."""
        by_name = {plan.method: plan for plan in self.pipeline.plans}
        knobs = {name: self.space[name] for name in without_runtime(policy)}
        plain = {name: by_name[knob.compressor].runs_as(policy[name]) for name, knob in knobs.items()}
        changed = {name: choice for name, choice in plain.items() if choice != knobs[name].neutral}
        kept = {RUNTIME: policy[RUNTIME]} if RUNTIME in policy else {}
        return Policy({**changed, **kept})

    @property
    def _example(self) -> Tensors:
        """The inputs that artefacts are checked on."""
        return self.calibration.inputs[:PARITY_IMAGES]

    @cached_property
    def unrepaired(self) -> Pipeline:
        """The same methods without the repair of what they leave, for networks that get other weights."""
        return self.pipeline.repaired_by(lambda _: "none")


def _without(traced: Traced, left_out: Collection[str]) -> Traced:
    """The network, in which the layers are listed as excluded that no method is to change."""
    by_config = tuple(Exclusion(name, "excluded by the config") for name in traced.graph.by_name if name in left_out)
    return replace(traced, graph=replace(traced.graph, excluded=(*traced.graph.excluded, *by_config)))


def _left_out(traced: Traced, compressors: Sequence[Compressor]) -> frozenset[str]:
    """The layers that every method leaves out."""
    each = [made.options.left_out(traced.graph) for made in compressors]
    return frozenset.intersection(*each) if each else frozenset()


def target_of(profile: DeviceProfile) -> Target:
    """What compressors must know of a device."""
    saturates = not profile.is_arm and not {"avx512_vnni", "avx_vnni", "amx_int8"} & set(profile.flags)
    return Target(profile.vector_width, profile.signed_activations, full_range_weights=not saturates)


def classes_of(targets: Targets) -> Tensor | None:
    """Targets as class indices, shape ``(n,)``; None where they are something else."""
    if isinstance(targets, np.ndarray) and targets.ndim == 1 and targets.dtype.kind in "iu":
        return torch.from_numpy(targets).long()
    return None


def _pair(inputs: Tensors) -> Tensors:
    """Two inputs to trace on; the one there is twice, where there is only one."""
    return inputs[:2] if len(inputs) > 1 else joined([inputs, inputs])


def _interface(session: Session) -> str:
    """The inputs and outputs of a file, as messages name them."""
    inputs, outputs = (
        ", ".join(f"{one.name} {one.type} {one.shape}" for one in listed)
        for listed in (session.get_inputs(), session.get_outputs())
    )
    return f"{inputs} → {outputs}"


def _size(artifact: Artifact) -> dict[str, Measurement]:
    return {"size_bytes": Measurement.exact(artifact.size_bytes, "bytes")}
