"""Files that no policy has made, scored and timed as members of a run's front are, against its uncompressed model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import onnx

from ...spaces.errors import ConfigError, Infeasible, is_of_the_host
from ...spaces.files import read_bytes, write_bytes
from ...spaces.messages import enumerated, first_line
from ...spaces.policy import Policy
from ...spaces.runtime_knob import RUNTIME
from ...spaces.space import SearchSpace
from ...spaces.task import Task
from ...spaces.tensors.batch import named
from ...spaces.tensors.signature import OUTPUT
from ..device import worker
from ..device.device_options import DeviceOptions
from ..device.device_profile import DeviceProfile
from ..device.errors import DeviceError, RequestRefused
from ..device.latency import LatencyProtocol
from ..device.link import OpenDevice
from ..device.units import own_device
from ..quality.file_cost import macs_of_file
from ..quality.inference import run_outputs
from ..restore.plain import plain
from ..results.candidate import Candidate
from ..results.measurement import Measurement
from ..runtimes.ports import Ports, StandIn, with_fixed_axes
from ..runtimes.registry import runtime_of
from ..runtimes.session import Session
from ..storage.provenance import runtime_of_file
from .scores.scored_in import scored_in
from .scores.scorer import Scorer
from .timing.clock import Clock
from .timing.exit_ways import Way, ways_of

TRIED = 2
"""Samples that a file is run on before it is scored."""
UNCOUNTED = "its MACs are not known, as some of its operators or shapes do not tell them"
"""A note on a file."""


class BesideEvaluator:
    """Measures files of the same task beside a run; nothing is traced, and nothing built.

    Args:
        task: of the run, known to be the same.
        devices: of the run.
        uncompressed: the run's file of the uncompressed model, beside which lies what it takes on each device.
        latency: the protocol for candidates, of which the final readings are made.
        images: most search images to score a file on; all of them where None.
        seed: which images those are.
        on_phase: told what goes on.
        accept: called with what the devices say of themselves, by name; may raise.
        open_device: makes the way to each device; by default this process owns them.

    Attributes:
        reference: what the uncompressed model scores on the search split here.

    Raises:
        DeviceError: where the device cannot be reached.
        UnreadableFile: where the run's folder lacks what the uncompressed model takes.
    """

    def __init__(
        self,
        task: Task,
        devices: Mapping[str, DeviceOptions],
        uncompressed: Path,
        latency: LatencyProtocol,
        images: int | None = None,
        seed: int = 0,
        on_phase: Callable[[str], None] = lambda _: None,
        accept: Callable[[Mapping[str, DeviceProfile]], None] = lambda _: None,
        open_device: OpenDevice = own_device,
    ) -> None:
        self._uncompressed, self._on_phase, self._batch = uncompressed, on_phase, latency.batch
        self._ports = Ports.of(onnx.load(uncompressed, load_external_data=False))
        self._stand_ins: dict[Path, StandIn] = {}
        self._clock = Clock(devices, latency, open_device, self._ways)
        with ExitStack() as on_error:
            on_error.callback(self._clock.close)
            on_phase("starting the device" if len(devices) == 1 else "starting the devices")
            accept(self._clock.profiles)
            self._clock.join(SearchSpace.of(()), uncompressed, lambda policy: policy)
            first = self._clock.first
            self._opens = scored_in(first, lambda: DeviceProfile.from_json(worker.profile())).opens
            self._runtimes = {choice.name: runtime_of(choice.runtime) for choice in first.options.choices}
            on_phase("scoring the uncompressed model")
            self._scorer = Scorer(task, images, seed, self._open, pictures=0)
            self.reference = self._scorer.reference(self._open(uncompressed))
            on_error.pop_all()

    def measure(self, name: str, content: bytes, path: Path) -> tuple[Candidate, Candidate]:
        """Score a file on both splits, and time it twice, some time apart, as the final step does.

        Args:
            name: that phases call it.
            content: of an ONNX file.
            path: where it is written as the runtime takes it; its folder is there.

        Returns:
            What was measured of it, and the same with what was timed the second time.

        Raises:
            ConfigError: where it does not take and give what the task's model does, or the runtime refuses it.
        """
        with _refused():
            size = self._prepare(content, path)
            self._on_phase(f"scoring {name}")
            session = self._session(path)
            metrics = {**self._scorer.score(session), **size}
            macs = macs_of_file(content)
            metrics |= {} if macs is None else {"macs": Measurement.exact(macs, "count")}
            self._on_phase(f"measuring {name}")
            self._clock.take_readings()
            first = self._clock.measure_finally(Policy(), path)
            self._on_phase(f"scoring {name} on the test split")
            metrics |= self._scorer.score_on_test(path, self._uncompressed).scores
            self._on_phase(f"measuring {name} once more")
            metrics["memory_bytes"] = self._clock.memory(path, repeats=1)
            second = self._clock.measure_finally(Policy(), path)
        runtime = self._runtime_for(content)
        policy = Policy({RUNTIME: runtime} if runtime else {})
        units = self._clock.units_in(self._clock.take_readings())
        digest, notes = hashlib.sha256(read_bytes(path)).hexdigest(), () if macs is not None else (UNCOUNTED,)
        once, again = (
            Candidate(policy, {**metrics, **timed}, path, digest, notes=notes, units=units) for timed in (first, second)
        )
        return once, again

    def close(self) -> None:
        """End the workers of the devices."""
        self._clock.close()

    def _prepare(self, content: bytes, path: Path) -> dict[str, Measurement]:
        """Write a file as the runtime takes it, and give its size; raises ``ConfigError`` as :meth:`measure`."""
        own = Ports.of(onnx.ModelProto.FromString(content))
        stand_in = StandIn.of(own, self._ports, self._batch)
        fixed = with_fixed_axes(content, own, self._ports, stand_in)
        runtime = self._runtimes[self._runtime_for(content) or next(iter(self._runtimes))]
        loadable = fixed if runtime.takes_functions else plain(fixed)
        write_bytes(path, loadable)
        self._stand_ins[path] = stand_in
        return {"size_bytes": Measurement.exact(len(loadable), "bytes")}

    def _runtime_for(self, content: bytes) -> str:
        """What a file is run in, as policies call it: of several what it says it is for, else ``""``, the first."""
        first, *others = self._runtimes
        said = runtime_of_file(content) if others else ""
        if said and said not in self._runtimes:
            known = enumerated([*self._runtimes])
            raise ConfigError(f"it says that it is for {said}, and the run's models are for {known}")
        return "" if said == first else said

    def _session(self, path: Path) -> Session:
        """A session on a file, which was seen to give what the uncompressed model gives, but for its values."""
        try:
            session = self._open(path)
            self._check_outputs(session)
        except (ConfigError, DeviceError, Infeasible):
            raise
        except Exception as error:  # each runtime has its own
            if is_of_the_host(error):
                raise
            raise ConfigError(f"the runtime does not run it: {first_line(error)}") from error
        return session

    def _check_outputs(self, session: Session) -> None:
        """Raise ``ConfigError`` where outputs have other shapes, or are no numbers of the same kind."""
        inputs = self._scorer.inputs(TRIED)
        wanted, given = (named(run_outputs(one, inputs), OUTPUT) for one in (self._open(self._uncompressed), session))
        for name, expected in wanted.items():
            got = given[name]
            if expected.shape != got.shape or expected.dtype.kind != got.dtype.kind:
                raise ConfigError(
                    f"expected output {name!r} of {expected.dtype} {expected.shape} for {len(inputs)} samples as the "
                    f"run's models give it, got {got.dtype} {got.shape}"
                )

    def _open(self, path: Path) -> Session:
        """A session on a file that goes by the names of the uncompressed model."""
        session, stand_in = self._opens(path), self._stand_ins.get(path)
        return session if stand_in is None else stand_in.named(session)

    def _ways(self, artifact: Path) -> Sequence[Way]:
        """The ways that the samples of the search split take through a file with early exits."""
        samples = self._scorer.search.samples
        return ways_of(artifact, lambda: samples.part(0, len(samples)), self._batch)


@contextmanager
def _refused() -> Iterator[None]:
    """What a runtime or a device says of a file, as an error of whoever names it."""
    try:
        yield
    except (Infeasible, RequestRefused) as error:
        raise ConfigError(first_line(error)) from error
