"""Times ONNX models on the device that it runs on: framed requests on stdin, framed JSON answers on stdout.

One file for any Python >= 3.9 with numpy and onnxruntime: it is run as a script, or streamed over stdin to a device
that has nothing of ours installed. It therefore imports nothing of parefront, and leaves no file behind: only
onnxruntime's own profiles are written, into a temporary folder that goes with the request.

Another runtime comes as a file of its own, in the request `runtime`, and is then the one of all requests whose options
name it; see `Plugged` for what it defines.

A frame is `PFW1`, the header's length (4 bytes, big endian), the header (a JSON object), then `payload_bytes` bytes
whose SHA-256 is `payload_sha256`, where the header announces any. Requests carry `version`, `id`, `op`; each gets
one frame without payload: `{"id": …, "ok": true, …}` or `{"id": …, "ok": false, "code": …, "error": …}`, preceded by
`{"id": …, "beat": true}` every `BEAT_SECONDS` while it is served. After a frame that cannot be understood the stream
is out of step: the worker answers, and ends with status 2. It also ends once nobody reads its beats.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import errno
import faulthandler
import functools
import gc
import glob
import hashlib
import io
import json
import math
import os
import platform
import random
import shutil
import signal
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
import traceback
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

VERSION = 2
MAGIC = b"PFW1"
PREFIX = struct.Struct(">4sI")
MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 1 << 31
MAX_SESSIONS = 4
MAX_CACHED_BYTES = 1 << 28
MAX_OUTPUT_BYTES = 1 << 24  # of one request: a third more as text, and an answer is half as much again at most
BEAT_SECONDS = 2.0
LOAD_SECONDS = 0.2  # over which other programs' load is taken: the system counts it in ticks of 10 ms
MAX_THREADS, MAX_INPUT_VALUES = 1024, 1 << 28
MAX_PROTOCOL = {
    "max_seconds": 3600.0,
    "warmup_seconds": 600.0,
    "rounds": 1000.0,
    "batch": 65536.0,
    "seconds": 1e5,
    "ends_seconds": 4e5,
}
DEADLINE_MARGIN_SECONDS = 5.0
TURN_SECONDS = 5.0  # or a quarter of what the request may take
FOREIGN_SECONDS = 20.0  # for another user's worker: longer than a measurement takes, and all that anybody can keep us
ALONE = "\0parefront-measures"  # an abstract socket: Linux's alone, in no folder, gone with its process

RUNS_PER_BLOCK = 10
BLOCK_SECONDS = 0.03
PROFILE_SECONDS = 20.0
ENERGY_SECONDS = 0.01  # counters of energy advance about every millisecond: shorter blocks tell nothing
MIN_PAIRS = 6
# A run is kept where wall <= CPU * (1 + share) + constant: undisturbed runs exceed their CPU time by 0.5 µs (clock
# calls) and 0.1 % to 0.6 % (timer ticks); a preemption costs tens of µs at the very least.
MARGIN_NS, MARGIN_SHARE = 5_000, 0.02
# A CPU clock that steps in coarser units than this cannot tell a preempted run.
COARSE_CLOCK_NS = 20_000
ONNX_RUNTIME = "onnxruntime"

CREDENTIALS, PEER = struct.Struct("3i"), getattr(socket, "SO_PEERCRED", 17)

CLOCK = "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq"

Header = dict[str, Any]


class RequestError(Exception):
    """This request cannot be served; the next one can."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StreamError(Exception):
    """The stream is out of step: there is no telling where the next frame begins."""


def main() -> int:
    """Serve requests until `bye`, the end of stdin, or a frame that cannot be understood; the exit status."""
    source, sink = sys.stdin.buffer, claim_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us; we end when stdin does
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    atexit.register(remove_scratch)
    clear_scratch()
    return serve(source, sink, Worker())


def serve(source: BinaryIO, sink: BinaryIO, worker: Worker) -> int:
    """What `main` does, on any two streams."""
    while True:
        header: Header = {}
        try:
            frame = read_frame(source)
            if frame is None:
                return 0
            header, payload = frame
            with ending_at_deadline(header), beating(sink, header.get("id")):
                answer = worker.answer(header, payload)
        except StreamError as error:
            write_frame(sink, {"id": None, "ok": False, "code": "stream", "error": str(error)})
            return 2
        except RequestError as error:
            answer = {"ok": False, "code": error.code, "error": str(error)}
        except (OSError, MemoryError) as error:  # this device's fault, not the model's: no folder, no room, no memory
            answer = {"ok": False, "code": "host", "error": f"{type(error).__name__}: {error}"}
        except Exception as error:  # the boundary of the process: whatever went wrong is said, never kept
            message = f"{type(error).__name__}: {error}"
            answer = {"ok": False, "code": "internal", "error": message, "traceback": traceback.format_exc()}
        write_frame(sink, {"ok": True, **answer, "id": header.get("id")})
        if header.get("op") == "bye":
            return 0


def claim_stdout() -> BinaryIO:
    """The real stdout, for frames alone; file descriptor 1 becomes stderr, so that stray prints harm nothing."""
    sys.stdout.flush()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return sink


def read_frame(source: BinaryIO) -> tuple[Header, bytes] | None:
    """The next header and payload, or None at the end of the stream; `StreamError` where it cannot be understood."""
    prefix = source.read(PREFIX.size)
    if not prefix:
        return None
    magic, length = PREFIX.unpack(prefix.ljust(PREFIX.size, b"\0"))
    if magic != MAGIC or length > MAX_HEADER_BYTES:
        raise StreamError(f"expected a frame of {MAGIC!r} and at most {MAX_HEADER_BYTES} bytes, got {prefix!r}")
    try:
        header = json.loads(read_exactly(source, length))
        announced, digest = header.get("payload_bytes", 0), header.get("payload_sha256")
        request = header.get("id")
    except (ValueError, AttributeError, RecursionError) as error:
        raise StreamError(f"a frame's header must be a JSON object: {error}") from error
    if type(announced) is not int or not 0 <= announced <= MAX_PAYLOAD_BYTES:
        raise StreamError(f"payload_bytes must be an integer from 0 to {MAX_PAYLOAD_BYTES}, got {announced!r}")
    if request is not None and type(request) is not int:  # answers repeat it
        raise StreamError(f"id must be an integer, got {request!r:.60}")
    payload = read_exactly(source, announced)
    if announced and hashlib.sha256(payload).hexdigest() != digest:
        raise StreamError("the payload's SHA-256 differs from the one announced")
    return header, payload


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """`size` bytes, in chunks, so that memory grows with what arrives and not with what a header claims."""
    held, missing = io.BytesIO(), size  # grows where it lies, and gives its bytes without a copy
    while missing:
        chunk = source.read(min(missing, 1 << 20))
        if not chunk:
            raise StreamError(f"the stream ended {missing} bytes before the end of a frame")
        held.write(chunk)
        missing -= len(chunk)
    return held.getvalue()


def write_frame(sink: BinaryIO, answer: Header) -> None:
    body = json.dumps(answer, allow_nan=False).encode()
    sink.write(PREFIX.pack(MAGIC, len(body)) + body)
    sink.flush()


@contextlib.contextmanager
def ending_at_deadline(header: Header) -> Iterator[None]:
    """End the process where the request's own `ends_seconds` (or `seconds`) are over, whatever it hangs in.

    Whoever asked has given it up by then, but over ssh nothing ends a worker whose client is gone. The thread that does
    it needs no Python: the runtime holds the interpreter's lock while it makes a session.
    """
    seconds = bounded(header).get("ends_seconds") or header.get("seconds", 0)
    if seconds:
        faulthandler.dump_traceback_later(seconds + DEADLINE_MARGIN_SECONDS, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


class Turn:
    """No other worker measures on this device meanwhile, whichever computer or user has started it.

    Those that come from one user on one computer wait there. Holds a name that only one process of a Linux network
    namespace can have, which goes with its owner, however that ends. Where there are no such names, or they are
    forbidden, goes ahead. Waits for workers of the same user so briefly that the request has its time left; whoever
    asked asks again. Anybody can take the name, so that another user's worker is waited for once, and for
    `FOREIGN_SECONDS`; then `beside` names it, and the measurement goes ahead beside it.
    """

    def __init__(self) -> None:
        self.ignored: set[tuple[int, int]] = set()
        self.beside = ""

    @contextlib.contextmanager
    def taken(self, header: Header) -> Iterator[None]:
        quarter = float(bounded(header).get("seconds") or math.inf) / 4
        started, self.beside = time.monotonic(), ""
        asks = sorted({0.0 if self.ignored else math.inf, min(quarter, TURN_SECONDS), min(quarter, FOREIGN_SECONDS)})
        with contextlib.ExitStack() as held:
            while not taken(held):
                waited = time.monotonic() - started
                if waited < asks[0]:
                    time.sleep(0.005)
                    continue
                found, last = holder(), asks.pop(0) >= min(quarter, FOREIGN_SECONDS)
                if found[0] == os.getuid() and waited >= min(quarter, TURN_SECONDS):
                    raise RequestError("busy", f"{named(*found)} is measuring on this device")
                if found in self.ignored or last:
                    self.ignored.add(found)
                    self.beside = named(*found)
                    break
            yield


def taken(held: contextlib.ExitStack) -> bool:
    """Whether the name is `held` now, or is not to be had at all."""
    if not sys.platform.startswith("linux"):
        return True
    with contextlib.ExitStack() as attempt:
        try:
            name = attempt.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            name.bind(ALONE)
            name.listen(1024)  # nothing is ever accepted: whoever waits asks the system who listens
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        held.push(attempt.pop_all())
    return True


def holder() -> tuple[int, int]:
    """User and process that hold the name, as the system knows them; -1 and 0 where they do not listen."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        asking.connect(ALONE)
        process, user, _ = CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, PEER, CREDENTIALS.size))
        return user, process
    return -1, 0


def named(user: int, process: int) -> str:
    """The holder in words."""
    command = " ".join(read_text(f"/proc/{process}/cmdline").replace("\0", " ").split())
    shown = f" ({command[:60]})" if command and user == os.getuid() else ""
    return f"process {process} of user {user}{shown}" if process else "a process of another user"


SCRATCH: list[str] = []
SCRATCH_PREFIX = "parefront-scratch-"


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """A temporary folder that goes with the block, and with the process; with a killed one when the next one starts."""
    clear_scratch()
    folder, descriptor = locked_folder()
    SCRATCH.append(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if folder in SCRATCH:
            SCRATCH.remove(folder)
        os.close(descriptor)


def remove_scratch() -> None:
    while SCRATCH:
        shutil.rmtree(SCRATCH.pop(), ignore_errors=True)


def locked_folder() -> tuple[str, int]:
    """A temporary folder, and the descriptor by which it is locked: a lock goes with its process, however that ends."""
    import fcntl

    while True:
        folder = tempfile.mkdtemp(prefix=SCRATCH_PREFIX)
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.isdir(folder):
                return folder, descriptor
        os.close(descriptor)  # another process has taken it for a dead one's, before it was locked


def clear_scratch() -> None:
    """Remove the folders that killed processes of this user have left: those that nobody locks."""
    import fcntl

    for folder in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), SCRATCH_PREFIX + "*")):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def beating(sink: BinaryIO, request: Any) -> Iterator[None]:
    """Signs of life while a request is served; where nobody is left to read them, the process ends."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            try:
                write_frame(sink, {"id": request, "beat": True})
            except OSError:
                remove_scratch()
                os._exit(1)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Worker:
    """The requests, and what is kept between them: models, and the `MAX_SESSIONS` most recently used sessions.

    Of large models there are fewer sessions, two at least: as many as have `MAX_CACHED_BYTES` together.
    """

    def __init__(self) -> None:
        self.models = Models()
        self.sessions: OrderedDict[tuple[str, str, str], Loaded | Plugged] = OrderedDict()
        self.fresh = True
        self.turn = Turn()
        self.operations: dict[str, Callable[[Header, bytes], Header]] = {
            "runtime": self.runtime,
            "hello": self.hello,
            "load": self.load,
            "measure": self.measure,
            "operators": self.operators,
            "outputs": self.outputs,
            "memory": self.memory,
            "turn": lambda header, payload: {},
            "bye": lambda header, payload: {},
        }

    def answer(self, header: Header, payload: bytes) -> Header:
        if header.get("version") != VERSION:
            raise RequestError("version", f"this worker speaks version {VERSION}, not {header.get('version')!r}")
        operation = self.operations.get(str(header.get("op")))
        if operation is None:
            raise RequestError("op", f"unknown op {header.get('op')!r}; known: {', '.join(self.operations)}")
        with contextlib.nullcontext() if header["op"] in {"runtime", "hello", "bye"} else self.turn.taken(header):
            return {**operation(header, payload), "beside": self.turn.beside}

    def runtime(self, header: Header, payload: bytes) -> Header:
        """Take the runtime of that `name`, whose source is the payload."""
        name = str(header["name"])
        module = types.ModuleType(f"parefront_runtime_{name}")
        sys.modules[module.__name__] = module  # as its dataclasses ask for
        exec(compile(payload, f"{name}.py", "exec"), module.__dict__)
        PLUGGED[name] = module
        return {}

    def hello(self, header: Header, payload: bytes) -> Header:
        """The device's profile; `core`, where given, pins this process to that CPU core first."""
        core = header.get("core")
        if core is not None:
            pin(core)
        return {"profile": profile(header.get("options"))}

    def load(self, header: Header, payload: bytes) -> Header:
        """Create the session of a model under a slot, or find it; without the bytes, of a model that came before.

        Where `keep` is set, the bytes are kept beside the session, for a profile of its operators.
        Two slots of one digest are two sessions, so that a model can honestly be timed against itself.
        """
        key = session_key(header, header.get("slot", ""))
        found = key in self.sessions
        model = b""
        if not found or (header.get("keep") and not self.sessions[key].model):
            model = self.models.take(key[0], payload)
        if not found:
            self.make_room(len(model))
            self.fresh = False
            self.sessions[key] = loaded_by(model, header["options"])
        loaded = self.sessions[key]
        loaded.model = loaded.model or (model if header.get("keep") else b"")
        self.sessions.move_to_end(key)
        used = {"providers": loaded.providers(), "model_bytes": loaded.size}
        return {"session_seconds": loaded.seconds, "found": found, "inputs": loaded.inputs(), **used}

    def make_room(self, size: int) -> None:
        """Let go of the sessions that were used longest ago, before one of a model of so many bytes is made."""
        while len(self.sessions) >= MAX_SESSIONS or (
            len(self.sessions) > 1 and size + sum(held.size for held in self.sessions.values()) > MAX_CACHED_BYTES
        ):
            self.sessions.popitem(last=False)

    def measure(self, header: Header, payload: bytes) -> Header:
        """Time `candidate` and `reference` (slots of loaded models) against each other; see `time_pairs`."""
        loaded = self.loaded(header)
        self.models.let_go()
        protocol, shapes = bounded(header["protocol"]), header.get("shapes") or {}
        seed, batch = int(protocol["seed"]), int(protocol.get("batch", 1))
        runs = [loaded[role].bind(shapes, seed, batch) for role in ("candidate", "reference")]
        answer = time_pairs(runs[0], runs[1], protocol, tells_preemption(header))
        return {**answer, "session_seconds": loaded["candidate"].seconds}

    def loaded(self, header: Header) -> dict[str, Loaded | Plugged]:
        """The sessions that a request names, by role."""
        found = {}
        for role in ("candidate", "reference"):
            key = session_key({**header, **header[role]}, role)
            if key not in self.sessions:
                raise RequestError("unknown_model", f"the {role} {key[0][:12]} is not loaded")
            self.sessions.move_to_end(key)
            found[role] = self.sessions[key]
        return found

    def operators(self, header: Header, payload: bytes) -> Header:
        """What each operator of `candidate` and `reference`, both loaded before, takes: the runtime's own profiles.

        Blocks of runs in turn: of each model without a profile, then with one; those of the first round, which warm up,
        do not count. `run_us` is what a run takes without a profile, which itself takes some microseconds an operator.
        Slow models get shorter blocks, and no round begins once `PROFILE_SECONDS` are over, but for the first that
        counts.
        """
        shapes, rounds, batch = header.get("shapes") or {}, int(bounded(header)["rounds"]), int(header.get("batch", 1))
        drops = tells_preemption(header)
        clock = cpu_clock(drops)
        with scratch_folder() as folder:
            profiled: dict[str, Loaded | Plugged] = {}
            plain: dict[str, Callable[[], object]] = {}
            for role, loaded in self.loaded(header).items():
                options = header[role].get("options", header["options"])
                if not loaded.model:
                    raise RequestError("unknown_model", f"the bytes of the {role} are not here; send them to be kept")
                profiled[role] = loaded_by(loaded.model, options, os.path.join(folder, role))
                loaded.model = b""
                plain[role] = loaded.bind(shapes, 0, batch)
            self.models.let_go()
            runs = {role: loaded.bind(shapes, 0, batch) for role, loaded in profiled.items()}
            counts = dict.fromkeys(runs, 1)  # `bind` has run each once
            warm: dict[str, int] = {}
            blocks: dict[str, list[Header]] = {role: [] for role in runs}
            started = time.perf_counter()
            for finished_rounds in range(1 + rounds):
                if finished_rounds > 1 and time.perf_counter() - started > PROFILE_SECONDS:
                    break
                for role, run in runs.items():
                    begun = time.perf_counter()
                    run()
                    length = max(1, min(RUNS_PER_BLOCK, int(PROFILE_SECONDS / 40 / (time.perf_counter() - begun))))
                    blocks[role].append(time_block(plain[role], 1 + length, clock, drops))
                    for _run in range(length - 1):
                        run()
                    counts[role] += length
                    warm.setdefault(role, counts[role])
            for loaded in profiled.values():
                loaded.end_profiling()
            return {
                role: {
                    "operators": loaded.operators(counts[role], warm[role]),
                    "run_us": statistics.median(map(block_median, blocks[role][1:])) / 1000,
                }
                for role, loaded in profiled.items()
            }

    def outputs(self, header: Header, payload: bytes) -> Header:
        """What a loaded model gives for `inputs` (`name`, `dtype`, `shape` of each), which lie in the payload."""
        key = session_key(header, "outputs")
        if key not in self.sessions:
            raise RequestError("unknown_model", f"model {key[0][:12]} is not loaded")
        self.sessions.move_to_end(key)
        found = self.sessions[key].run(arrays(header["inputs"], payload))
        size = sum(array.nbytes for array in found.values())
        if size > MAX_OUTPUT_BYTES:
            raise RequestError("bounds", f"outputs of {size} bytes at once; at most {MAX_OUTPUT_BYTES} can be sent")
        return {"outputs": [described(name, array) for name, array in found.items()]}

    def memory(self, header: Header, payload: bytes) -> Header:
        """Bytes by which resident memory peaks while a session is created from bytes and run three times.

        Only the first model of a fresh process tells the truth (later ones reuse what earlier ones freed), so
        any other is refused. The model's own bytes and the imported runtime are there before and do not count.
        """
        if not self.fresh:
            raise RequestError("not_fresh", "memory is measured in a fresh worker only")
        self.fresh = False
        describe(header["options"])
        before = resident_bytes()
        reset_peak()
        batch = int(bounded({"batch": header.get("batch", 1)})["batch"])
        run = loaded_by(payload, header["options"]).bind(header.get("shapes") or {}, 0, batch)
        for _run in range(3):
            run()
        return {"peak_bytes": max(0, peak_bytes() - before)}


def bounded(terms: Header) -> Header:
    """The terms, where what decides how long a request takes is a number within `MAX_PROTOCOL`."""
    for name, most in MAX_PROTOCOL.items():
        if name in terms and not (isinstance(terms[name], (int, float)) and 0 <= terms[name] <= most):
            raise RequestError("bounds", f"{name} must be a number from 0 to {most:.0f}, got {terms[name]!r:.60}")
    return terms


def session_key(header: Header, slot: str) -> tuple[str, str, str]:
    return str(header["digest"]), str(header.get("slot", slot)), json.dumps(header["options"], sort_keys=True)


def described(name: str, array: Any) -> Header:
    """An array as text."""
    content = base64.b64encode(array.tobytes()).decode()
    return {"name": name, "dtype": array.dtype.str, "shape": list(array.shape), "data": content}


def arrays(told: Sequence[Header], payload: bytes) -> dict[str, Any]:
    """The arrays that lie in a payload one after the other, by name."""
    import numpy as np

    found, start = {}, 0
    for fields in told:
        kind, shape = np.dtype(str(fields["dtype"])), [int(size) for size in fields["shape"]]
        if kind.kind not in "fiub" or min(shape, default=1) < 0:
            raise RequestError("type", f"inputs of type {kind} and shape {shape} cannot be taken")
        end = start + math.prod(shape) * kind.itemsize
        if end > len(payload):
            raise RequestError("shape", f"inputs of {len(payload)} bytes, where {end} at least were announced")
        found[str(fields["name"])] = np.frombuffer(payload[start:end], kind).reshape(shape)
        start = end
    return found


class Models:
    """The bytes of models by SHA-256: what was sent once need not be sent again, as far as `MAX_CACHED_BYTES` go."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, bytes] = OrderedDict()

    def take(self, digest: str, payload: bytes) -> bytes:
        """The model of that digest, out of the payload or out of what is kept."""
        if not payload:
            if digest not in self.kept:
                raise RequestError("unknown_model", f"model {digest[:12]} is not here; send its bytes")
            self.kept.move_to_end(digest)
            return self.kept[digest]
        if hashlib.sha256(payload).hexdigest() != digest:
            raise RequestError("digest", f"the model's SHA-256 is not {digest}")
        self.kept[digest] = payload
        self.let_go(least=1)
        return payload

    def let_go(self, least: int = 0) -> None:
        """Forget what was used longest ago beyond `MAX_CACHED_BYTES`, but for the `least` last ones."""
        while len(self.kept) > least and sum(map(len, self.kept.values())) > MAX_CACHED_BYTES:
            self.kept.popitem(last=False)


def loaded_by(model: bytes, options: Header, profile: str = "") -> Loaded | Plugged:
    """The model, loaded by the runtime that the options name."""
    plugged = PLUGGED.get(str(options.get("runtime", ONNX_RUNTIME)))
    is_onnx = getattr(plugged, "READS_ONNX", True)
    if is_onnx and has_external_data(memoryview(model)):  # older releases of onnxruntime would read any file it names
        raise RequestError("model", "the model keeps weights in other files (external data); send a single file")
    threads = options["threads"]
    if type(threads) is not int or not 0 < threads <= MAX_THREADS:
        raise RequestError("bounds", f"threads must be an integer from 1 to {MAX_THREADS}, got {threads!r:.60}")
    if options.get("runtime", ONNX_RUNTIME) == ONNX_RUNTIME:
        return Loaded(model, options, profile)
    return Plugged(model, options, bool(profile))


class Loaded:
    """An inference session, made from bytes, and the seconds that this took; `profile` is a prefix of files.

    `size` is that of the model; `model` its bytes, as long as somebody wants them.
    """

    def __init__(self, model: bytes, options: Header, profile: str = "") -> None:
        self.model, self.size, self.profile = b"", len(model), ""
        ort = runtime()
        missing = set(options["providers"]).difference(ort.get_available_providers())
        if missing:  # onnxruntime would take another one in silence
            raise RequestError("provider", f"{sorted(missing)} not in {ort.get_available_providers()}")
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = options["threads"]
        settings.inter_op_num_threads = 1
        settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        settings.graph_optimization_level = getattr(
            ort.GraphOptimizationLevel, "ORT_" + str(options.get("optimisation", "enable_all")).upper()
        )
        settings.log_severity_level = 3
        settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if options.get("spinning") else "0")
        self.optimised = profile + "-optimised.onnx"
        if profile:
            settings.enable_profiling, settings.profile_file_prefix = True, profile
            settings.optimized_model_filepath = self.optimised
        own = options.get("provider_options") or {}
        providers = [(name, {k: str(v) for k, v in own.get(name, {}).items()}) for name in options["providers"]]
        started = time.perf_counter()
        try:
            try:
                self.session = ort.InferenceSession(model, settings, providers=providers)
            except Exception:
                if not profile:
                    raise
                settings.optimized_model_filepath = ""  # some providers' graphs cannot be written down
                self.session = ort.InferenceSession(model, settings, providers=providers)
        except Exception as error:  # onnxruntime's exceptions share no base class but this one
            raise RequestError("model", f"onnxruntime {ort.__version__} rejects the model: {error}") from error
        self.seconds = time.perf_counter() - started
        if self.session.get_providers()[0] != options["providers"][0]:  # it fell back, in silence
            ran = ", ".join(self.session.get_providers())
            raise RequestError("provider", f"{options['providers'][0]} could not be started; {ran} would run instead")

    def inputs(self) -> list[Header]:
        return [{"name": i.name, "shape": list(i.shape), "type": i.type} for i in self.session.get_inputs()]

    def bind(self, shapes: dict[str, list[int]], seed: int, batch: int = 1) -> functools.partial[None]:
        """A call that runs the model once on fixed random inputs, with every buffer bound beforehand.

        The first axis is `batch` where it is free; any other free axis must be given by `shapes`, per input name.
        """
        ort = runtime()
        binding = self.session.io_binding()
        inputs = []  # an OrtValue on the CPU borrows numpy's memory, and the binding does not keep it alive
        for name, value in made_up(self.inputs(), shapes, seed, batch).items():
            inputs.append(ort.OrtValue.ortvalue_from_numpy(value))
            binding.bind_ortvalue_input(name, inputs[-1])
        names = [spec.name for spec in self.session.get_outputs()]
        for name in names:
            binding.bind_output(name)
        try:
            self.session.run_with_iobinding(binding)
        except Exception as error:  # as above
            raise RequestError("run", f"the model cannot be run: {error}") from error
        outputs = binding.get_outputs()
        for position, name in enumerate(names):
            if outputs[position].is_tensor():
                binding.bind_ortvalue_output(name, outputs[position])
        return functools.partial(_run, self.session.run_with_iobinding, binding, inputs)

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """The outputs by name."""
        names = [spec.name for spec in self.session.get_outputs()]
        try:
            return dict(zip(names, self.session.run(names, feeds)))  # noqa: B905  (Python 3.9 has no strict=)
        except Exception as error:  # as above
            raise RequestError("run", f"the model cannot be run: {error}") from error

    def providers(self) -> list[str]:
        return list(self.session.get_providers())

    def end_profiling(self) -> None:
        self.profile = self.session.end_profiling()

    def operators(self, runs: int, warm: int) -> list[Header]:
        """Once profiling has ended: as `operator_times`."""
        return operator_times(self.profile, runs, warm, wiring(self.optimised))


PLUGGED: dict[str, Any] = {}  # modules of runtimes other than ONNX Runtime, by name


class Plugged:
    """A model as another runtime holds it, of which the same is asked as of `Loaded`.

    The module of the runtime defines `describe(options)`, which gives `version` and `precision` (in effect), and
    `Model(content, options, profiled)` with `inputs` (a list of `name`, `shape`, `type` as ONNX Runtime has them),
    `bind(feeds)` (a call that runs the model once on arrays by the input's name), `run(feeds)` (its outputs by name)
    and, where it was made with `profiled`, `last_run()` (`name`, `op` and `us` of each operator, in their order); and
    `READS_ONNX = False`, where what it is given is a file of its own format, which the host has made. Where
    the device cannot do what is asked for, `describe` raises ImportError or ValueError; `INSTALL`, where the module has
    it, is the command that mends the former.
    """

    def __init__(self, model: bytes, options: Header, profiled: bool = False) -> None:
        self.model, self.size = b"", len(model)
        self.name, self.profiled = str(options["runtime"]), profiled
        self.runs: list[list[Header]] = []
        version = describe(options)["runtime_version"]
        started = time.perf_counter()
        try:
            self.held = PLUGGED[self.name].Model(model, options, profiled)
        except Exception as error:  # a runtime's exceptions share no base class but this one
            raise RequestError("model", f"{self.name} {version} rejects the model: {error}") from error
        self.seconds = time.perf_counter() - started

    def inputs(self) -> list[Header]:
        return list(self.held.inputs)

    def bind(self, shapes: dict[str, list[int]], seed: int, batch: int = 1) -> Callable[[], object]:
        """As `Loaded.bind`. The model is compiled for these shapes here, where it was not before."""
        feeds = made_up(self.inputs(), shapes, seed, batch)
        started = time.perf_counter()
        try:
            run: Callable[[], object] = self.held.bind(feeds)
            self.seconds += time.perf_counter() - started
            run()
        except Exception as error:  # as above
            raise RequestError("run", f"the model cannot be run: {error}") from error
        if not self.profiled:
            return run
        self.runs.append(self.held.last_run())
        return functools.partial(self.run_profiled, run)

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """As `Loaded.run`."""
        try:
            return dict(self.held.run(feeds))
        except Exception as error:  # as above
            raise RequestError("run", f"the model cannot be run: {error}") from error

    def run_profiled(self, run: Callable[[], object]) -> None:
        run()
        self.runs.append(self.held.last_run())

    def providers(self) -> list[str]:
        return [self.name]

    def end_profiling(self) -> None:
        """Each run's profile is there once it has ended."""

    def operators(self, runs: int, warm: int) -> list[Header]:
        """As `operator_times`, where every run has the same operators; shapes and wires are not told."""
        unknown: Header = {"provider": self.name, "inputs": [], "outputs": [], "reads": [], "writes": [], "domain": ""}
        answers = [
            {**unknown, **operator, "us": middle_half([run[place]["us"] for run in self.runs[warm:]])}
            for place, operator in enumerate(self.runs[0])
        ]
        return [answer for answer in answers if answer["us"] > 0]


def describe(options: Header) -> Header:
    """Version of the runtime that the options name, and of another one than ONNX Runtime its name and precision."""
    name = str(options.get("runtime", ONNX_RUNTIME))
    if name == ONNX_RUNTIME:
        ort = runtime()
        return {"onnxruntime": ort.__version__, "providers": list(ort.get_available_providers())}
    if name not in PLUGGED:
        raise RequestError("runtime", f"the runtime {name!r} was not sent")
    try:
        told = PLUGGED[name].describe(options)
    except (ImportError, ValueError) as error:
        where = f"{sys.executable} (Python {platform.python_version()}) on {platform.node()}"
        mended = getattr(PLUGGED[name], "INSTALL", "") if isinstance(error, ImportError) else ""
        how = f"; {mended}" if mended else ""
        raise RequestError("runtime", f"{where} cannot use {name}: {error}{how}") from error
    beside = {"runtime": name, "runtime_version": str(told["version"]), "precision": str(told["precision"])}
    return {"onnxruntime": "", "providers": [], **beside}


def _run(run: Callable[[Any], object], binding: Any, inputs: list[Any]) -> None:
    run(binding)


def runtime() -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # official builds would send, and leave files where they run
    try:
        import onnxruntime
    except ImportError as error:
        where = f"{sys.executable} (Python {platform.python_version()}) on {platform.node()}"
        raise RequestError("runtime", f"{where} cannot import onnxruntime: {error}; pip install onnxruntime") from error
    return onnxruntime


def made_up(specs: Sequence[Header], shapes: dict[str, list[int]], seed: int, batch: int) -> dict[str, Any]:
    """Fixed random arrays for a model's inputs, by name; free axes as in `Loaded.bind`."""
    import numpy as np

    generator, values = np.random.default_rng(seed), {}
    for spec in specs:
        shape = fixed_shape(spec["name"], spec["shape"], shapes.get(spec["name"]), batch)
        if min(shape, default=1) < 0 or math.prod(shape) > MAX_INPUT_VALUES:
            said = f"input {spec['name']!r} of shape {shape} has too many values, or negative ones"
            raise RequestError("bounds", said)
        values[spec["name"]] = random_input(generator, shape, spec["type"])
    return values


def fixed_shape(name: str, shape: list[Any], given: list[int] | None, batch: int) -> list[int]:
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    if batch > 1 and (given is not None or not sizes or sizes[0] is not None):
        raise RequestError("shape", f"a batch of {batch} needs a free first axis and no shape; {name!r} has {shape}")
    if given is not None:
        if len(given) != len(sizes) or any(s not in (None, given[axis]) for axis, s in enumerate(sizes)):
            raise RequestError("shape", f"input {name!r} has shape {shape}, which {given} does not fit")
        return [int(size) for size in given]
    if sizes and sizes[0] is None:
        sizes[0] = batch
    free = [str(shape[axis]) for axis, size in enumerate(sizes) if size is None]
    if free:
        raise RequestError("shape", f"input {name!r} of shape {shape} leaves {', '.join(free)} free; give its shape")
    return [size for size in sizes if size is not None]


def random_input(generator: Any, shape: Sequence[int], kind: str) -> Any:
    """Standard normal numbers; zeros and ones for integers and booleans, which are valid as indices and masks."""
    import numpy as np

    types = {"float": "float32", "double": "float64", "float16": "float16", "bool": "bool"}
    name = kind[len("tensor(") : -1] if kind.startswith("tensor(") else kind
    name = types.get(name, name)
    if name in ("float32", "float64", "float16"):
        return generator.standard_normal(shape).astype(name)
    if name == "bool" or name.lstrip("u") in ("int8", "int16", "int32", "int64"):
        return generator.integers(0, 2, shape).astype(np.dtype(name))
    raise RequestError("type", f"inputs of type {kind} cannot be made up")


def operator_times(file: str, runs: int, warm: int, wires: dict[str, Header]) -> list[Header]:
    """Each operator's name, type, provider, shapes, wires and microseconds a run, in the order in which they run.

    The microseconds are the mean of the middle half of the runs after the first `warm`; a profile counts in whole ones.
    """
    with open(file, encoding="utf-8") as lines:
        events = json.load(lines)
    found: dict[tuple[str, str], list[Header]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            key = event["name"][: -len("_kernel_time")], str(event["args"].get("node_index"))
            found.setdefault(key, []).append(event)
    answers = []
    for (name, _), calls in found.items():
        each = len(calls) // runs or 1  # more than one where the operator stands in a loop
        times = [sum(c["dur"] for c in calls[i : i + each]) for i in range(warm * each, len(calls), each)]
        arguments = calls[0]["args"]
        answers.append({
            "name": name, "op": arguments.get("op_name", ""), "provider": arguments.get("provider", ""),
            "inputs": arguments.get("input_type_shape", []), "outputs": arguments.get("output_type_shape", []),
            "us": middle_half(times),
            **wires.get(name, {"reads": [], "writes": [], "domain": ""}),
        })  # fmt: skip
    return answers


def middle_half(times: Sequence[float]) -> float:
    """The mean of the middle half of the times; 0 of none."""
    ranked = sorted(times)
    middle = ranked[len(ranked) // 4 : len(ranked) - len(ranked) // 4] or [0]
    return sum(middle) / len(middle)


def wiring(file: str) -> dict[str, Header]:
    """What each named node of an ONNX file reads and writes, and the domain of its operator; nothing without a file."""
    if not os.path.exists(file):
        return {}
    with open(file, "rb") as model:
        data = memoryview(model.read())
    nodes = {}
    graphs = [value for field, value in fields_of(data) if field == 7]
    for node in [value for graph in graphs for field, value in fields_of(graph) if field == 1]:
        texts: dict[int, list[str]] = {1: [], 2: [], 3: [""], 7: [""]}
        for field, value in fields_of(node):
            if field in texts:
                texts[field].append(bytes(value).decode(errors="replace"))
        nodes[texts[3][-1]] = {"reads": texts[1], "writes": texts[2], "domain": texts[7][-1]}
    return nodes


# Where tensors can lie in an ONNX model: by message, the fields that lead to other messages (onnx.proto).
FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}


def has_external_data(data: memoryview, message: str = "model", depth: int = 0) -> bool:
    """Whether a tensor of the model says that it lies in another file.

    `RequestError` for what is not understood, since other parsers might: groups, which ONNX never has, and truncation.
    """
    for field, value in fields_of(data):
        inner = FIELDS[message].get(field)
        if inner == "external":
            return True
        if inner is not None and depth < 100 and has_external_data(value, inner, depth + 1):
            return True
    return False


def fields_of(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a protobuf message that have a length, by number."""
    position = 0
    while position < len(data):
        begun = position
        key, position = varint(data, position)
        kind, size = key & 7, {1: 8, 5: 4}.get(key & 7, 0)
        if key >> 32 or position - begun > 5:  # other parsers would read another field here
            raise RequestError("model", "not an ONNX model: a field number of more than 32 bits")
        if kind in (0, 2):
            number, position = varint(data, position)
            size = number if kind == 2 else 0
        elif not size:
            raise RequestError("model", f"not an ONNX model: a field of wire type {kind}")
        if position + size > len(data):
            raise RequestError("model", "not an ONNX model: it ends in the middle of a field")
        if kind == 2:
            yield key >> 3, data[position : position + size]
        position += size


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """The base-128 number at a position (protobuf's encoding), and the position behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            break
    return number, position


def tells_preemption(header: Header) -> bool:
    """Whether CPU time tells which runs were preempted: they run in this thread, and its clock is fine enough."""
    return header["options"]["threads"] == 1 and cpu_clock_step_ns() <= COARSE_CLOCK_NS


def cpu_clock(drops: bool) -> Callable[[], int]:
    """Nanoseconds of CPU time: of this thread where runs that were preempted are dropped, else of the process."""
    return time.thread_time_ns if drops else time.process_time_ns


def time_pairs(
    candidate: Callable[[], object], reference: Callable[[], object], protocol: Header, drops: bool
) -> Header:
    """Blocks of runs of the two models in turn: in pairs, each pair in random order, the first run of each dropped.

    A block is about `BLOCK_SECONDS` long and holds two to ten runs beside the dropped one. Ends when `min_samples`
    kept runs of each model and `min_seconds` are there and the interval of the ratio is within ±`half_width`, or
    after `max_seconds`; yet not before `MIN_PAIRS`, nor (for models of seconds a run) after four times `max_seconds`.

    Where `drops` is set, runs that were preempted are marked as not kept. `foreign_cores` says, for every pair, how
    many cores other programs kept busy about that time; it is empty where the system does not tell. `clock_mhz` is the
    processor's clock before and after.
    """
    order = random.Random(int(protocol["seed"]))
    models = {"candidate": candidate, "reference": reference}
    clock = cpu_clock(drops)
    gc.collect()
    gc.disable()
    try:
        lengths, warmup_seconds = warm_up(models, float(protocol["warmup_seconds"]))
        pairs: list[Header] = []
        foreign: list[float] = []
        counters = energy_counters()
        clock_mhz = [frequency_mhz()]
        started = opened = time.perf_counter()
        others = others_seconds()
        while True:
            names = ["candidate", "reference"]
            order.shuffle(names)
            pairs.append({name: time_block(models[name], lengths[name], clock, drops, counters) for name in names})
            seconds = time.perf_counter() - started
            done = finished(pairs, seconds, protocol)
            window = time.perf_counter() - opened
            if others is not None and (done or window >= LOAD_SECONDS):
                before, others = others, others_seconds()
                if window < LOAD_SECONDS and foreign:  # too short to tell: as in the window before
                    load = foreign[-1]
                else:
                    load = max(0.0, (others or before) - before) / window
                foreign += [load] * (len(pairs) - len(foreign))
                opened = time.perf_counter()
            if done:
                spent = {"seconds": seconds, "warmup_seconds": warmup_seconds}
                beside = {"foreign_cores": foreign, "cores": usable_cores(), "clock_mhz": [*clock_mhz, frequency_mhz()]}
                return {"pairs": pairs, **spent, "drops": drops, **beside}
    finally:
        gc.enable()


def warm_up(models: dict[str, Callable[[], object]], seconds: float) -> tuple[dict[str, int], float]:
    """Runs per block of each model, and the seconds spent until three rounds of blocks agreed within 2 %."""
    started = time.perf_counter()
    lengths = {}
    for name, run in models.items():
        run()
        begun = time.perf_counter()
        run()
        one = time.perf_counter() - begun
        lengths[name] = 1 + max(2, min(RUNS_PER_BLOCK, int(BLOCK_SECONDS / one)))
    rounds: dict[str, list[float]] = {name: [] for name in models}
    while time.perf_counter() - started < seconds:
        for name, run in models.items():
            block = time_block(run, lengths[name], time.thread_time_ns, False)
            rounds[name].append(statistics.median(block["wall_ns"]))
        last = [medians[-3:] for medians in rounds.values()]
        if all(len(medians) == 3 and max(medians) <= 1.02 * min(medians) for medians in last):
            break
    return lengths, time.perf_counter() - started


def time_block(
    run: Callable[[], object], length: int, clock: Callable[[], int], drops: bool, counters: Sequence[str] = ()
) -> Header:
    """Wall and CPU nanoseconds of each run but the first, which runs were kept, and microjoules a run, or None."""
    wall, cpu = [0] * length, [0] * length
    now = time.perf_counter_ns
    energy = microjoules(counters)
    for index in range(length):
        wall_start = now()
        cpu_start = clock()
        run()
        cpu[index] = clock() - cpu_start
        wall[index] = now() - wall_start
    after = microjoules(counters)
    per_run = None
    if after is not None and energy is not None and after >= energy and sum(wall) >= 1e9 * ENERGY_SECONDS:
        per_run = (after - energy) / length
    wall, cpu = wall[1:], cpu[1:]
    limit = [spent * (1 + MARGIN_SHARE) + MARGIN_NS for spent in cpu]
    kept = [int(not drops or wall[index] <= limit[index]) for index in range(length - 1)]
    return {"wall_ns": wall, "cpu_ns": cpu, "kept": kept, "energy_uj": per_run}


def finished(pairs: list[Header], seconds: float, protocol: Header) -> bool:
    if seconds >= 4 * protocol["max_seconds"]:
        return True
    if len(pairs) < MIN_PAIRS:
        return False
    if seconds >= protocol["max_seconds"]:
        return True
    if seconds < protocol["min_seconds"] or len(pairs) % max(1, len(pairs) // 16):
        return False
    kept = [sum(sum(pair[name]["kept"]) for pair in pairs) for name in ("candidate", "reference")]
    return bool(min(kept) >= protocol["min_samples"] and half_width(pairs) <= protocol["half_width"])


def half_width(pairs: list[Header]) -> float:
    """Half the 95 % interval (between order statistics) of the median ratio, relative to it."""
    ratios = sorted(block_median(pair["candidate"]) / block_median(pair["reference"]) for pair in pairs)
    rank = max(0, int((len(ratios) - 1.96 * len(ratios) ** 0.5) / 2))
    return (ratios[-1 - rank] - ratios[rank]) / 2 / ratios[len(ratios) // 2]


def block_median(block: Header) -> float:
    """Of the kept runs; where none was kept, of the CPU times."""
    kept = [wall for index, wall in enumerate(block["wall_ns"]) if block["kept"][index]]
    return float(statistics.median(kept or block["cpu_ns"]))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def others_seconds() -> float | None:
    """CPU seconds that all programs but this one have spent, since the system started, on the cores that it may use."""
    names = {f"cpu{core}" for core in os.sched_getaffinity(0)} if hasattr(os, "sched_getaffinity") else {"cpu"}
    lines = [line.split() for line in read_text("/proc/stat").splitlines() if line.startswith("cpu")]
    ticks = [[int(count) for count in line[1:9]] for line in lines if line[0] in names and len(line) > 8]
    if not ticks:
        return None
    busy = sum(sum(counts) - counts[3] - counts[4] for counts in ticks)  # but for idle and waiting
    return busy / os.sysconf("SC_CLK_TCK") - time.process_time()


def energy_counters(root: str = "/sys") -> list[str]:
    """Files that count the microjoules of the processor's packages (RAPL); most devices have none, or hide them."""
    zones = glob.glob(os.path.join(root, "class/powercap/*-rapl:*"))
    packages = [os.path.join(z, "energy_uj") for z in zones if read_text(os.path.join(z, "name")).startswith("package")]
    return [path for path in sorted(packages) if read_text(path).isdigit()]


def microjoules(counters: Sequence[str]) -> int | None:
    """What the counters show together; None where there is none."""
    readings = [read_text(path) for path in counters]
    return sum(map(int, readings)) if readings and all(reading.isdigit() for reading in readings) else None


def cpu_clock_step_ns() -> int:
    """The least step by which this thread's CPU clock is seen to advance; some sandboxes count in milliseconds."""
    last = time.thread_time_ns()
    steps: list[int] = []
    deadline = time.perf_counter() + 0.05
    while len(steps) < 5 and time.perf_counter() < deadline:
        reading = time.thread_time_ns()
        if reading != last:
            steps.append(reading - last)
            last = reading
    return min(steps, default=COARSE_CLOCK_NS + 1)


def pin(core: Any) -> None:
    if not hasattr(os, "sched_setaffinity"):
        raise RequestError("core", f"{platform.system()} has no way to pin a process to a core; leave `core` out")
    try:
        os.sched_setaffinity(0, {int(core)})
    except (OSError, ValueError) as error:
        raise RequestError("core", f"core {core!r} is not to be had ({error}); there are {os.cpu_count()}") from error


def resident_bytes() -> int:
    """Resident memory; where the system does not tell, its peak so far, so that growth is a lower bound."""
    return status_kib("VmRSS") * 1024 or peak_bytes()


def peak_bytes() -> int:
    """Peak resident memory of this program (not of what it was forked from, as `ru_maxrss` is on Linux)."""
    peak = status_kib("VmHWM") * 1024
    if peak:
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> None:
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # then the peak of the imports stands: at most a little too much is reported


def status_kib(key: str) -> int:
    for line in read_text("/proc/self/status").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def profile(options: Header | None = None) -> Header:
    """What this device is, as far as it tells, and the runtime that the options name.

    Unknown strings are empty, unknown numbers zero.
    """
    runs_on = describe(options or {})
    import numpy

    fields = cpuinfo()
    names = getattr(os, "sysconf_names", {})
    pages = "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names
    return {
        "cpu": cpu_name(fields),
        "flags": (fields.get("flags") or fields.get("Features", "")).split(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": usable_cores(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if pages else 0,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        **runs_on,
        "governor": read_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_mhz": frequency_mhz() or float(fields.get("cpu MHz", 0)),
        "temperature_celsius": temperature(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "cpu_clock_step_ns": cpu_clock_step_ns(),
        "energy": microjoules(energy_counters()) is not None,
    }


def frequency_mhz() -> float:
    """The clock just now of the fastest core that this process may run on; 0 where the system does not tell."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    readings = [read_text(CLOCK.format(core)) for core in cores]
    return max([float(khz) / 1000 for khz in readings if khz.isdigit()], default=0.0)


def temperature() -> float:
    """Of the hottest thermal zone, in degrees Celsius; 0 where none can be read."""
    found = [0.0]
    for zone in range(32):
        reading = read_text(f"/sys/class/thermal/thermal_zone{zone}/temp")
        if reading.lstrip("-").isdigit():
            found.append(int(reading) / 1000)
    return max(found)


def cpuinfo() -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in read_text("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields


def cpu_name(fields: dict[str, str]) -> str:
    if fields.get("model name"):
        return fields["model name"]
    board = read_text("/proc/device-tree/model") or fields.get("Model") or fields.get("Hardware", "")
    part = f"ARM part {fields['CPU part']}" if "CPU part" in fields else ""
    return ", ".join(text for text in (board, part) if text) or platform.processor()


def read_text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read().strip("\0\n ")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
