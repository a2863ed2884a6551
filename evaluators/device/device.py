"""The place where latency is measured: this machine, or any other that a command prefix leads to."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from numpy.typing import NDArray

from ..results.measurement import Measurement
from ..results.span import READING, Span
from ..runtimes.registry import runtime_of
from ..runtimes.runtime import DEFAULT
from .answers import Malformed, integer, mapping, number
from .channel import Channel
from .device_options import DeviceOptions
from .device_profile import DeviceProfile
from .digests import Digests
from .errors import AnswerMalformed, DeviceError, DeviceUnreachable, RequestRefused, WorkerDied
from .lock import BUSY_SECONDS, exclusive, shared
from .outputs import Arrays, received, sent
from .pace import Pace
from .payloads import Payload, Payloads
from .profiled_run import ProfiledRun
from .readings import Readings
from .timing import ROLES, Timing

T = TypeVar("T")
Shapes = Mapping[str, Sequence[int]]

_LOG = logging.getLogger("parefront")
_WORKER = Path(__file__).with_name("worker.py")
_BOOTSTRAP = (
    "import sys;sys.path[:]=filter(None,sys.path);"
    "exec(compile(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())),'worker.py','exec'))"
)


class Device:
    """A context manager around a worker process, which is started at the first request and again, once, if it dies.

    Every request raises `DeviceError` where the device is unreachable, silent for `deadline_seconds`, or refuses
    (`RequestRefused`: a model that its runtime rejects, a free axis without a shape, …). Safe to share by threads.
    """

    def __init__(self, options: DeviceOptions | None = None) -> None:
        self.options = options or DeviceOptions()
        self._mutex = threading.Lock()
        self._connection: tuple[Channel, DeviceProfile] | None = None
        self._digests = Digests()
        self._payloads = Payloads(self._digests)
        self._pace = Pace()
        self._busy = ""
        self._readings = Readings()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """As messages call it: :attr:`DeviceOptions.name`."""
        return self.options.name

    @property
    def profile(self) -> DeviceProfile:
        """What the device says of itself; asked once for each worker."""
        return self._served(lambda channel, profile: profile)

    def time(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        """Run the two artefacts against each other by the worker's protocol (`worker.time_pairs`).

        `shapes` gives input shapes by name where axes other than the first are free. Waits while another process
        measures on this device. The same file may be given twice: the two get a session each.
        """
        answer = self._asked_of_both("measure", candidate, reference, shapes, protocol=dict(protocol))
        with self._reading("measure"):
            timing = Timing.from_json(answer)
        run = run_of(self._digests.of(reference), protocol, shapes)
        return replace(timing, usual_ms=self._pace.usual_ms(run, timing))

    def time_anchor(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        """As :meth:`time`: what others are timed against is read as they are, where there is one device."""
        return self.time(candidate, reference, protocol, shapes)

    def operators(
        self, candidate: Path, reference: Path, shapes: Shapes | None = None, rounds: int = 8, batch: int = 1
    ) -> tuple[ProfiledRun, ProfiledRun]:
        """What each operator of the two artefacts takes, in the order in which they run; profiled by turns.

        `rounds` blocks of ten runs of each are profiled, after one that warms up, and as many are run without a
        profile in turn. A free first axis becomes `batch`.
        """
        answer = self._asked_of_both("operators", candidate, reference, shapes, rounds=rounds, batch=batch)
        with self._reading("operators"):
            profiled, other = (ProfiledRun.from_json(mapping(answer, role)) for role in ROLES)
        return profiled, other

    def memory(self, artifact: Path, shapes: Shapes | None = None, repeats: int = 3, batch: int = 1) -> Measurement:
        """Bytes by which resident memory peaks while a session is created and run, each time in a fresh process.

        The value is the median, the interval the range of the `repeats`. Not counted: the interpreter, the runtime's
        libraries, the artefact's own bytes, from which the session is created.
        """
        model, options, peaks = self._payload(artifact).read(), self._session_of(artifact), []
        for _ in range(repeats):
            with self._alone():
                peaks.append(self._twice(lambda: self._peak(model, options, shapes, batch)))
        peaks.sort()
        return Measurement(peaks[len(peaks) // 2], peaks[0], peaks[-1], len(peaks), "bytes")

    def outputs(self, artifact: Path, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """What an artefact gives there for inputs ``(n, …)``, by name; nobody measures on this device meanwhile."""
        told, payload = sent(feeds)

        def asked(channel: Channel, profile: DeviceProfile) -> dict[str, Any]:
            with shared(self.name):
                self._load(channel, artifact, "outputs", keep=False)
                digest, options = self._payload(artifact).digest, self._session_of(artifact)
                return self._ask(
                    channel, "outputs", payload, digest=digest, slot="outputs", inputs=told, options=options
                )

        answer = self._served(asked)
        with self._reading("outputs"):
            return received(answer)

    def _peak(self, model: bytes, options: Mapping[str, Any], shapes: Shapes | None, batch: int) -> float:
        """The peak of one fresh worker."""
        channel = self._start()
        try:
            self._send_runtime(channel)
            answer = self._ask(channel, "memory", model, shapes=_plain(shapes), batch=batch, options=options)
        finally:
            channel.close()
        with self._reading("memory"):
            return number(answer, "peak_bytes")

    def prefer(self, rank: int) -> None:
        """One process asks at a time, and nobody waits beside it."""

    def take_readings(self) -> tuple[Span, ...]:
        """When the device was read since this was last called, the last 256 readings at most."""
        return self._readings.take()

    def close(self) -> None:
        """End the worker; a later request starts another."""
        with self._mutex:
            if self._connection is not None:
                self._connection[0].close()
                self._connection = None

    def _asked_of_both(
        self, op: str, candidate: Path, reference: Path, shapes: Shapes | None, **fields: Any
    ) -> dict[str, Any]:
        """A request about two artefacts, which are loaded first; waits while others measure on this device."""

        def asked(channel: Channel, profile: DeviceProfile) -> dict[str, Any]:
            artifacts = {"candidate": candidate, "reference": reference}
            models = {slot: self._named(artifact, slot) for slot, artifact in artifacts.items()}
            with self._alone():  # the creation of sessions would disturb others, too
                for slot, artifact in artifacts.items():
                    self._load(channel, artifact, slot, keep=op == "operators")
                return self._ask(channel, op, b"", **models, shapes=_plain(shapes), **fields)

        return self._served(asked)

    def _served(self, action: Callable[[Channel, DeviceProfile], T]) -> T:
        with self._mutex:
            return self._twice(lambda: action(*self._connected()))

    def _twice(self, action: Callable[[], T]) -> T:
        """What the action gives, or gives when it is done once more, where a worker dies of it."""
        with contextlib.suppress(WorkerDied):
            return action()
        try:
            return action()
        except WorkerDied as died:
            raise DeviceError(f"{self.name}: {died}; so did the one before it") from died

    def _connected(self) -> tuple[Channel, DeviceProfile]:
        if self._connection is None or self._connection[0].closed:
            channel = self._start()
            try:
                self._send_runtime(channel)
                self._connection = channel, self._greeted(channel)
            except WorkerDied as died:
                raise DeviceUnreachable(f"cannot reach {self.name}: {died}") from died
            except BaseException:
                channel.close()
                raise
        return self._connection

    def _greeted(self, channel: Channel) -> DeviceProfile:
        """What a new worker says of the device, and of each of its runtimes."""
        profiles = []
        for choice in self.options.choices:
            session = self.options.in_choice(choice.name).session
            answer = self._ask(channel, "hello", core=self.options.core, options=session)
            with self._reading("hello"):
                profiles.append(DeviceProfile.from_json(mapping(answer, "profile")))
        names = [choice.name for choice in self.options.choices]
        return profiles[0].beside(dict(zip(names[1:], profiles[1:], strict=True)))

    def _start(self) -> Channel:
        options = self.options
        if not options.command and options.python is None:
            return Channel([sys.executable, "-P", str(_WORKER)], computes=True)
        program = [options.python or "python3", "-c", _BOOTSTRAP]
        if options.is_through_a_shell:
            program = [shlex.join(program)]
        source = _WORKER.read_bytes()
        return Channel([*options.command, *program], b"%d\n%s" % (len(source), source))

    def _send_runtime(self, channel: Channel) -> None:
        """Give a worker the runtimes that it does not know by itself."""
        for name in dict.fromkeys(choice.runtime for choice in self.options.choices):
            source = runtime_of(name).source()
            if source is not None:
                self._ask(channel, "runtime", source, name=name)

    def _session_of(self, artifact: Path) -> dict[str, Any]:
        """How the worker runs an artefact: in the runtime that it says it is for, where there are several."""
        if not self.options.others:
            return self.options.session
        name = self._digests.runtime_of(artifact)
        try:
            return self.options.in_choice(name).session
        except KeyError:
            known = ", ".join(choice.name for choice in self.options.choices)
            raise DeviceError(f"{self.name}: {artifact.name} is for {name}, which is not among {known}") from None

    def _payload(self, artifact: Path) -> Payload:
        """What the worker is sent of an artefact."""
        return self._payloads.of(artifact, str(self._session_of(artifact).get("runtime", DEFAULT)))

    def _named(self, artifact: Path, slot: str) -> dict[str, Any]:
        """A loaded artefact, as requests name it; with options of its own where those of the request are not its."""
        named: dict[str, Any] = {"digest": self._payload(artifact).digest, "slot": slot}
        options = self._session_of(artifact)
        return named if options == self.options.session else {**named, "options": options}

    def _load(self, channel: Channel, artifact: Path, slot: str, keep: bool) -> None:
        payload = self._payload(artifact)
        asked: dict[str, Any] = {"slot": slot, "keep": keep, "options": self._session_of(artifact)}
        try:
            answer = self._ask(channel, "load", digest=payload.digest, **asked)
        except RequestRefused as refusal:
            if refusal.code != "unknown_model":
                raise
            answer = self._ask(channel, "load", payload.read(), digest=payload.digest, **asked)
        with self._reading("load"):
            integer(answer, "model_bytes", low=payload.size, high=payload.size)

    def _ask(self, channel: Channel, op: str, payload: bytes = b"", **fields: Any) -> dict[str, Any]:
        """The answer; where another computer's worker measures there, once that is done, with the deadline anew.

        Nothing but whose turn it is is asked meanwhile: to send a model again and again would disturb the other.
        """
        asked, self._busy = time.monotonic(), ""
        while (answer := self._answer(channel, op, payload, **fields)) is None:
            while self._answer(channel, "turn") is None:
                if time.monotonic() - asked > BUSY_SECONDS:
                    raise DeviceUnreachable(
                        f"{self.name}: others have been measuring there for {BUSY_SECONDS:.0f} s; {self._busy}"
                    )
        return answer

    def _answer(self, channel: Channel, op: str, payload: bytes = b"", **fields: Any) -> dict[str, Any] | None:
        """None where others measure there, which says nothing of the request."""
        request = {"op": op, "options": self.options.session, **fields}
        try:
            return channel.request(request, payload, seconds=self.options.deadline_seconds)
        except AnswerMalformed as error:
            raise AnswerMalformed(f"{self.name}: its answer to {op!r} is malformed: {error}") from error
        except RequestRefused as refusal:
            if refusal.code == "host":
                raise DeviceUnreachable(f"{self.name}: the worker there could not serve {op!r}: {refusal}") from refusal
            if refusal.code != "busy":
                raise
            if not self._busy:
                _LOG.warning("waiting: %s (%s)", refusal, self.name)
            self._busy = str(refusal)
            return None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """A reading, while which nobody else on this host measures there."""
        with exclusive(self.name):
            began = time.time()
            try:
                yield
            finally:
                self._readings.add([Span(READING, began, time.time(), self.name)])

    @contextlib.contextmanager
    def _reading(self, op: str) -> Iterator[None]:
        """What is wrong with an answer, as an error that names the device and the request."""
        try:
            yield
        except Malformed as error:
            raise AnswerMalformed(f"{self.name}: its answer to {op!r} is malformed: {error}") from error


def run_of(digest: str, protocol: Mapping[str, float], shapes: Shapes | None) -> Hashable:
    """What takes the same time whenever a device, or one like it, runs it: the file of that digest on such inputs."""
    return digest, protocol.get("batch", 1), repr(_plain(shapes))


def _plain(shapes: Shapes | None) -> dict[str, list[int]]:
    return {name: [int(size) for size in shape] for name, shape in (shapes or {}).items()}
