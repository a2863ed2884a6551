"""The worker as a process of its own: frames in, frames out, and no frame that makes it hang or die silently."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parefront.evaluators.device import worker

from ...clocks import HandClock
from .. import fuzz

OPTIONS = {"threads": 1, "spinning": False, "providers": ["CPUExecutionProvider"]}
PROTOCOL = {
    **{"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.05},
    **{"half_width": 0.5, "warmup_seconds": 0.02, "seed": 0},
}


def frame(header: bytes | dict[str, Any], payload: bytes = b"") -> bytes:
    if isinstance(header, dict):
        header = {"version": worker.VERSION, "id": 7, "options": OPTIONS, **header}
        if payload:
            header = {
                "payload_bytes": len(payload),
                "payload_sha256": hashlib.sha256(payload).hexdigest(),
                **header,
            }
        header = json.dumps(header).encode()
    return worker.PREFIX.pack(worker.MAGIC, len(header)) + header + payload


def converse(sent: bytes) -> tuple[list[dict[str, Any]], int]:
    """Everything that a worker answers to these bytes, but for its beats, and its exit status.

    Asked again where another worker of this user measured meanwhile, as every caller of a worker does.
    """
    program = [sys.executable, str(Path(worker.__file__))]
    for _attempt in range(20):
        done = subprocess.run(program, input=sent, capture_output=True, timeout=300)
        answers, rest = [], done.stdout
        while rest:
            magic, length = worker.PREFIX.unpack_from(rest)
            assert magic == worker.MAGIC
            answers.append(json.loads(rest[worker.PREFIX.size : worker.PREFIX.size + length]))
            rest = rest[worker.PREFIX.size + length :]
        if not any(answer.get("code") == "busy" for answer in answers):
            break
    return [answer for answer in answers if "beat" not in answer], done.returncode


@pytest.fixture(autouse=True)
def nobody_else_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of this very process wait for no other test's."""
    monkeypatch.setattr(worker, "ALONE", f"\0parefront-test-{os.getpid()}")


@pytest.fixture(scope="module")
def model(conv_net: Callable[..., Path]) -> bytes:
    return conv_net().read_bytes()


def named(model: bytes, slot: str = "candidate") -> dict[str, Any]:
    return {"digest": hashlib.sha256(model).hexdigest(), "slot": slot}


def test_a_whole_conversation(model: bytes) -> None:
    candidate, reference = named(model), named(model, "reference")
    measure = {"op": "measure", "candidate": candidate, "reference": reference, "protocol": PROTOCOL}
    answers, status = converse(
        frame({"op": "hello"})
        + frame({"op": "load", **candidate}, model)
        + frame({"op": "load", **reference}, model)
        + frame({"op": "load", **candidate})
        + frame(measure)
        + frame({"op": "bye"})
    )
    assert status == 0
    assert [answer.get("error") for answer in answers] == [None] * 6
    hello, first, second, again, timed, _ = answers
    assert hello["profile"]["onnxruntime"]
    assert first["inputs"] == [{"name": "input", "shape": ["batch", 3, 8, 8], "type": "tensor(float)"}]
    assert [first["found"], second["found"], again["found"]] == [False, False, True]
    assert len(timed["pairs"]) >= worker.MIN_PAIRS
    for pair in timed["pairs"]:
        for block in pair.values():
            assert len(block["wall_ns"]) == len(block["cpu_ns"]) == len(block["kept"]) >= 2
            assert min(block["wall_ns"]) > 0


def test_nothing_but_frames_is_written_to_the_real_stdout() -> None:
    source = f"import os, sys; sys.path.append({str(Path(worker.__file__).parent)!r})\n"
    source += "import worker; sink = worker.claim_stdout()\n"
    source += "print('stray'); os.write(1, b'stray'); worker.write_frame(sink, {'ok': True})"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True, timeout=300)
    assert done.stdout == worker.PREFIX.pack(worker.MAGIC, 12) + b'{"ok": true}'
    assert done.stderr.count(b"stray") == 2


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"op": "hello", "version": 99}, "version"),
        ({"op": "sing"}, "op"),
        ({"op": "load", "digest": "0" * 64, "slot": "candidate"}, "unknown_model"),
        ({"op": "load"}, "internal"),
        ({"op": "load", "digest": []}, "unknown_model"),
        ({"op": "measure", "candidate": 3}, "internal"),
        ({"op": "hello", "core": 4096}, "core"),
    ],
)
def test_a_request_that_cannot_be_served_is_answered_and_the_next_one_is_served(
    request_: dict[str, Any], code: str
) -> None:
    (refused, served), status = converse(frame(request_) + frame({"op": "bye", "id": 8}))
    assert (refused["ok"], refused["code"], refused["id"]) == (False, code, 7)
    assert refused["error"]
    assert (served["ok"], served["id"], status) == (True, 8, 0)


@pytest.mark.parametrize(
    ("options", "payload", "code"),
    [
        (OPTIONS, b"not a model", "model"),
        ({**OPTIONS, "providers": ["AbacusExecutionProvider"]}, b"x", "provider"),
        ({**OPTIONS, "optimisation": "enable_wonders"}, b"x", "internal"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused(options: dict[str, Any], payload: bytes, code: str) -> None:
    request = {"op": "load", **named(payload), "options": options}
    (refused, served), _ = converse(frame(request, payload) + frame({"op": "bye"}))
    assert (refused["code"], served["ok"]) == (code, True)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        random.Random(0).randbytes(4096),
        worker.PREFIX.pack(worker.MAGIC, 1 << 31),
        worker.PREFIX.pack(worker.MAGIC, 100) + b"{}",
        frame(b"no json"),
        frame(b"[]"),
        frame(b"[" * 100_000),
        frame({"op": "load", "payload_bytes": -1}),
        frame({"op": "load", "payload_bytes": "many"}),
        frame({"op": "load", "payload_bytes": 1 << 40}),
        frame({"op": "load", "payload_bytes": 10}) + b"short",
        frame({"op": "load", "payload_sha256": "0" * 64}, b"altered"),
    ],
    ids=range(13),
)
def test_a_frame_that_cannot_be_understood_is_answered_and_ends_the_worker(garbage: bytes) -> None:
    answers, status = converse(garbage)
    assert status == 2
    assert [answer["code"] for answer in answers] == ["stream"]


def test_the_end_of_stdin_ends_the_worker() -> None:
    assert converse(b"") == ([], 0)


def test_a_free_axis_other_than_the_batch_must_be_given(conv_net: Callable[..., Path]) -> None:
    free = conv_net(size=("height", 8)).read_bytes()
    load = frame({"op": "load", **named(free)}, free) + frame({"op": "load", **named(free, "reference")}, free)
    measure = {"op": "measure", "candidate": named(free), "reference": named(free, "reference"), "protocol": PROTOCOL}
    shapes: list[dict[str, list[int]]] = [{}, {"input": [1, 3, 9, 9]}, {"input": [2, 3, 9, 8]}]
    answers, _ = converse(load + b"".join(frame({**measure, "shapes": given}) for given in shapes))
    left_free, misfit, fits = answers[2:]
    assert left_free["code"] == misfit["code"] == "shape"
    assert "height" in left_free["error"]
    assert fits["ok"]


def test_the_bound_inputs_outlive_the_binding_of_them(model: bytes) -> None:
    loaded = worker.Loaded(model, OPTIONS)
    run = loaded.bind({}, seed=3)
    overwritten = [np.full((1, 3, 8, 8), 1e9, np.float32) for _ in range(1000)]
    run()
    image = worker.random_input(np.random.default_rng(3), overwritten[0].shape, "tensor(float)")
    _, binding, _ = run.args
    np.testing.assert_array_equal(binding.copy_outputs_to_cpu()[0], loaded.session.run(None, {"input": image})[0])


def test_only_the_most_recently_used_sessions_are_kept(model: bytes) -> None:
    loads = [frame({"op": "load", **named(model, str(slot))}, model) for slot in range(worker.MAX_SESSIONS + 1)]
    asked = [frame({"op": "load", **named(model, slot)}) for slot in ("1", "0")]
    answers, _ = converse(b"".join(loads + asked))
    assert answers[-2]["found"] is True
    assert answers[-1]["found"] is False


def test_of_large_models_two_sessions_are_kept_and_no_bytes(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_CACHED_BYTES", len(model))
    served = worker.Worker()

    def load(slot: str, **fields: Any) -> None:
        served.answer(
            {"op": "load", "version": worker.VERSION, "options": OPTIONS, **named(model, slot), **fields}, model
        )

    for slot in ("first", "second", "third"):
        load(slot)
    assert [key[1] for key in served.sessions] == ["second", "third"]
    assert not any(loaded.model for loaded in served.sessions.values())
    load("third", keep=True)
    assert served.sessions[worker.session_key({"options": OPTIONS, **named(model, "third")}, "")].model == model


def test_a_model_that_was_sent_once_is_not_sent_again(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    models = worker.Models()
    digest = hashlib.sha256(model).hexdigest()
    with pytest.raises(worker.RequestError, match="is not here; send its bytes"):
        models.take(digest, b"")
    assert models.take(digest, model) is models.take(digest, b"")
    monkeypatch.setattr(worker, "MAX_CACHED_BYTES", len(model) + 1)
    other = model + b"\0"
    models.take(hashlib.sha256(other).hexdigest(), other)
    with pytest.raises(worker.RequestError, match="is not here"):
        models.take(digest, b"")
    with pytest.raises(worker.RequestError, match="SHA-256 is not"):
        models.take(digest, other)


def test_memory_is_measured_in_a_fresh_worker_only(model: bytes) -> None:
    memory = frame({"op": "memory"}, model)
    (fresh, stale), _ = converse(memory + memory)
    assert 0 < fresh["peak_bytes"] < 1 << 28
    assert stale["code"] == "not_fresh"
    (_, loaded), _ = converse(frame({"op": "load", **named(model)}, model) + memory)
    assert loaded["code"] == "not_fresh"


def test_a_preempted_run_is_told_by_its_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock(cpu_share=0.25)
    monkeypatch.setattr(worker, "time", clock)

    def interrupted() -> None:
        clock.sleep(0.001)

    block = worker.time_block(interrupted, 4, clock.thread_time_ns, drops=True)
    assert block["kept"] == [0, 0, 0]
    assert worker.block_median(block) == 250_000, "of the CPU times"
    assert worker.time_block(interrupted, 4, clock.thread_time_ns, drops=False)["kept"] == [1, 1, 1]


def test_slow_models_get_shorter_blocks_and_fewer_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    monkeypatch.setattr(worker, "time", clock)

    def slow() -> None:
        clock.sleep(0.012)

    protocol = {**PROTOCOL, "max_seconds": 0.05, "min_seconds": 0.05, "warmup_seconds": 0.0}
    timed = worker.time_pairs(slow, slow, protocol, drops=False)
    assert len(timed["pairs"]) < worker.MIN_PAIRS
    assert {len(block["wall_ns"]) for pair in timed["pairs"] for block in pair.values()} == {2}


def test_energy_is_counted_by_package_and_unknown_without_counters(tmp_path: Path) -> None:
    zones = (("0", "package-0", 1000), ("1", "package-1", 20), ("0:0", "core", 999), ("2", "psys", 9999))
    for number, name, value in zones:
        folder = tmp_path / "class" / "powercap" / f"intel-rapl:{number}"
        folder.mkdir(parents=True)
        (folder / "energy_uj").write_text(f"{value}\n")
        (folder / "name").write_text(f"{name}\n")
    counters = worker.energy_counters(str(tmp_path))
    assert [Path(path).parent.name for path in counters] == ["intel-rapl:0", "intel-rapl:1"]
    assert worker.microjoules(counters) == 1020
    assert worker.energy_counters(str(tmp_path / "none")) == []
    assert worker.microjoules([]) is None


@pytest.mark.parametrize("before", [b"", b"\x1b\x1c", b"\x0b\x0c"], ids=["plain", "group", "another group"])
def test_weights_in_other_files_are_refused_whatever_hides_them(before: bytes) -> None:
    hostile = before + fuzz.elsewhere(random.Random(0), b"")
    request = {"op": "load", **named(hostile)}
    (refused, served), _ = converse(frame(request, hostile) + frame({"op": "bye"}))
    assert (refused["code"], served["ok"]) == ("model", True)
    assert "external data" in refused["error"] or "wire type" in refused["error"]


@pytest.mark.parametrize("tag", [b"\xba\x80\x80\x80\x10", b"\xba\x80\x80\x80\x80\x00"], ids=["33 bits", "six bytes"])
def test_a_field_number_that_other_parsers_would_cut_is_refused(tag: bytes) -> None:
    whole = fuzz.elsewhere(random.Random(0), b"")
    place = whole.index(b"\x3a")
    hostile = whole[:place] + tag + whole[place + 1 :]
    (refused, _), _ = converse(frame({"op": "load", **named(hostile)}, hostile) + frame({"op": "bye"}))
    assert refused["code"] == "model"
    assert "more than 32 bits" in refused["error"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1.5, "7", [1]])
def test_an_id_that_could_not_be_repeated_ends_the_stream(number: Any) -> None:
    answers, status = converse(frame({"op": "hello", "id": number}))
    assert (status, [answer["code"] for answer in answers]) == (2, ["stream"])


def test_a_worker_that_hangs_in_the_runtime_ends_by_itself_after_its_deadline() -> None:
    """Nobody kills a worker at the far end of a connection that is gone. Here C code keeps the interpreter's lock."""
    source = f"import ctypes, sys; sys.path.append({str(Path(worker.__file__).parent)!r})\nimport worker\n"
    source += "worker.DEADLINE_MARGIN_SECONDS = 0.3\n"
    source += "worker.Worker.hello = lambda *_: ctypes.PyDLL(None).sleep(60)\nsys.exit(worker.main())"
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(frame({"op": "hello", "seconds": 0.2}))
        process.stdin.flush()
        assert process.wait(55) == 1, "the C code itself sleeps for 60 s"


def test_a_batch_needs_a_free_axis(conv_net: Callable[..., Path]) -> None:
    assert worker.fixed_shape("x", ["batch", 3], None, 8) == [8, 3]
    for shape, given in (([1, 3], None), (["batch", 3], [1, 3])):
        with pytest.raises(worker.RequestError, match="a batch of 8 needs a free first axis"):
            worker.fixed_shape("x", shape, given, 8)


def test_scratch_folders_go_with_the_process() -> None:
    source = f"import os, sys; sys.path.append({str(Path(worker.__file__).parent)!r})\n"
    source += "import worker; held = worker.scratch_folder(); print(held.__enter__()); worker.remove_scratch()"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=300)
    assert not Path(done.stdout.strip()).exists()


def test_energy_of_a_run_is_the_block_s_by_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    monkeypatch.setattr(worker, "time", clock)
    counter = tmp_path / "energy_uj"
    counter.write_text("0")

    def run() -> None:
        clock.sleep(0.003)
        counter.write_text(str(int(counter.read_text()) + 7))

    assert worker.time_block(run, 5, clock.thread_time_ns, False, [str(counter)])["energy_uj"] == 7
    assert worker.time_block(run, 5, clock.thread_time_ns, False)["energy_uj"] is None
    assert worker.time_block(run, 2, clock.thread_time_ns, False, [str(counter)])["energy_uj"] is None, "too short"


def test_only_cores_that_the_worker_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = {"": "900 0 0 0 0 0 0 0 0 0", "0": "500 0 0 9 9 0 0 0 0 0", "1": "100 20 30 9 9 4 5 6 0 0"}
    stat = "".join(f"cpu{core} {ticks}\n" for core, ticks in {**cores, "11": "300 0 0 0 0 0 0 0 0 0"}.items())
    monkeypatch.setattr(worker, "read_text", lambda path: stat)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1}, raising=False)
    spent = worker.others_seconds()
    assert spent is not None
    assert spent == pytest.approx(165 / os.sysconf("SC_CLK_TCK") - time.process_time(), abs=0.1)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat here")
def test_what_other_programs_do_is_told_from_what_this_one_does() -> None:
    before, begun = worker.others_seconds(), time.process_time()
    while time.process_time() - begun < 0.3:
        pass
    own = worker.others_seconds()
    assert before is not None
    assert own is not None
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    others = worker.others_seconds()
    assert others is not None
    assert others - own > 0.3
