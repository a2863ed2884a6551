"""The data of a page: what ``front --json`` says, and what the run's other files say of trials, network and noise."""

from __future__ import annotations

import base64
import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from parefront.evaluators.results.classes.class_counts import ClassCount
from parefront.evaluators.results.digest import SplitDigest
from parefront.evaluators.results.fronts.front import Front
from parefront.report.document import Report
from parefront.report.sensitivity import ProbedChoice
from parefront.report.trust import Trust
from parefront.search.runs.identity.fingerprint import SPLITS, Fingerprint
from parefront.search.runs.run import Run
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.spaces.errors import ParefrontError
from parefront.spaces.files import UnreadableFile
from parefront.spaces.policy import Policy

from .conftest import CONFIDENCE, FLIPS, POLICIES, PROFILE, WriteRun, place_beside


def test_the_front_is_what_the_command_prints(write_run: WriteRun) -> None:
    run = write_run()

    assert Report.of(run).to_json()["front"] == run.to_json()


def test_every_trial_is_there_with_its_numbers_or_its_reason(write_run: WriteRun) -> None:
    run = write_run()
    document = Report.of(run).to_json()
    members = {entry["trial"] for entry in document["front"]["candidates"]}

    assert [trial["trial"] for trial in document["trials"]] == list(range(len(POLICIES) + 2))
    for trial, record in zip(document["trials"], run.trials, strict=True):
        if record.candidate is None:
            assert (trial["outcome"], trial["reason"]) == (record.outcome.value, "ValueError: no such layer")
        elif record.number in members:
            assert trial["member"]
            assert "metrics" not in trial, "they stand in the front, and nowhere else"
        else:
            for key, (value, low, high) in trial["metrics"].items():
                known = record.candidate.metrics[key]
                assert (value, low, high) == (known.value, known.low, known.high)


def test_policies_are_read_back_from_their_codes(write_run: WriteRun) -> None:
    document = Report.of(write_run()).to_json()
    knobs = document["network"]["knobs"]

    for trial, policy in zip(document["trials"], POLICIES, strict=False):
        turned = {
            f"{knob['compressor']}/{knob['target']}": knob["choices"][code]
            for knob, code in zip(knobs, trial["policy"], strict=True)
            if code
        }
        assert turned == policy


def test_knobs_are_at_the_layers_that_they_change(write_run: WriteRun) -> None:
    network = Report.of(write_run()).network
    found = {(knob.compressor, knob.target): knob for knob in network.knobs}

    assert [layer.name for layer in network.layers] == ["stem", "body", "head"]
    assert network.layers[0].shape == "16×8×8 → 16×8×8, 3×3"
    assert found["quantize", "body"].layers == (1,)
    assert found["quantize", "body"].choices == (None, 8)
    assert found["prune_channels", "body"].choices == (None, 0.25, 0.5)


def test_what_layers_take_is_what_the_run_has_kept(write_run: WriteRun) -> None:
    run = write_run(profile=PROFILE)
    times = Report.of(Run.open(run.path)).to_json()["times"]
    before_ms = run.front.baseline.metrics["latency_ms"].value

    assert times.keys() == {str(candidate.trial) for candidate in run.front}
    for candidate in run.front:
        shown = times[str(candidate.trial)]
        assert shown["measured"] == pytest.approx([candidate.metrics["latency_ms"].value, before_ms], abs=1e-5)
        assert shown["agrees"] == (abs(2.0 / 2.1 / candidate.metrics["latency_ratio"].value - 1) <= 0.15)
        assert not shown["without_profiling"]
        assert shown["layers"] == [[0.12, 0.40025], None, [1.5, 1.4]]
        assert shown["all"] == [2.0, 2.1]
        assert [finding["ms"] for finding in shown["findings"]] == [0.3]
    assert Report.of(write_run("without")).to_json()["times"] == {}


def test_confidences_and_flipped_images_are_what_the_run_has_kept(write_run: WriteRun) -> None:
    run = write_run(tested=True)
    document = Report.of(Run.open(run.path)).to_json()

    for rows in document["subgroups"].values():
        assert [(row["label"], row["n"], row["harder"]) for row in rows] == [
            ("<i>night", 500, True),
            ("day", 1500, False),
        ]
    assert document["confidences"].keys() == document["flips"].keys() == {str(member.trial) for member in run.front}
    for confidence, flips in zip(document["confidences"].values(), document["flips"].values(), strict=True):
        assert confidence["error_change"] == CONFIDENCE.error_change.to_json()
        assert flips == {"count": 40, "n": 2000, "shown": [[17, 3, 3, 5], [1800, 4, 9, 4]]}
    assert {index: base64.b64decode(text) for index, text in document["pictures"].items()} == {
        "17": FLIPS.shown[0].picture
    }


def test_a_picture_that_is_none_is_refused_in_one_line(write_run: WriteRun) -> None:
    run = write_run(tested=True)
    (run.path / "final" / "pictures" / "17.png").write_text("<svg onload=alert(1)>")

    with pytest.raises(UnreadableFile, match=r"17\.png: expected a PNG file"):
        Report.of(Run.open(run.path))


def test_landmarks_are_the_uncompressed_model_plain_int8_and_uniform_policies(write_run: WriteRun) -> None:
    known = {mark.name: mark.candidate.trial for mark in Report.of(write_run()).known}

    assert known == {
        "uncompressed": None,
        "plain int8": 0,
        "uniform: 50 % of the channels gone in 3 places": 4,
    }


def test_networks_of_the_users_own_are_landmarks_with_numbers_of_their_own(write_run: WriteRun) -> None:
    run = write_run()
    file = place_beside(run, "resnet20", 0.9, 0.5)
    document = Report.of(run).to_json()
    (mark,) = [mark for mark in document["landmarks"] if mark.get("file")]

    assert (mark["name"], mark["trial"], mark["file"]) == ("resnet20", None, file)
    assert mark["metrics"]["accuracy"]["value"] == 0.9
    assert mark["metrics"]["fps"]["value"] == pytest.approx(1000 / mark["metrics"]["latency_ms"]["value"])
    assert document["front"] == run.to_json() == json.loads((run.path / "front.json").read_text())
    assert mark in document["front"]["landmarks"]


def test_networks_that_are_called_alike_or_as_a_landmark_are_told_apart(write_run: WriteRun) -> None:
    run = write_run(finished=False)
    files = [place_beside(run, name, 0.9, ratio) for name, ratio in (("a", 0.5), ("a", 0.6), ("plain int8", 0.7))]
    known = {mark.file: mark for mark in Report.of(run).known if mark.file}

    assert [known[file].name for file in files] == [
        f"a ({files[0][:6]})",
        f"a ({files[1][:6]})",
        f"plain int8 ({files[2][:6]})",
    ]
    assert not any(mark.is_searched for mark in known.values())


def test_it_begins_with_the_best_within_the_budget(write_run: WriteRun) -> None:
    run = write_run(budget=["latency <= 0.6x"])
    report = Report.of(run)

    assert report.selected == run.front.select().trial
    (bound,) = report.bounds
    assert (bound.key, bound.value, bound.at_most) == ("latency_ratio", 0.6, True)


def test_without_a_budget_it_begins_with_the_first_pick(write_run: WriteRun) -> None:
    report = Report.of(write_run())

    assert report.selected == report.front["picks"][0]["trial"]


def test_the_hypervolume_is_that_of_the_trials_so_far(write_run: WriteRun) -> None:
    run = write_run()
    steps = Report.of(run).steps
    settings, candidates = run.settings, [record.candidate for record in run.trials]

    assert [step.trial for step in steps] == list(range(len(candidates)))
    for step in steps:
        so_far = [made for made in candidates[: step.trial + 1] if made is not None]
        front = Front.of(so_far, settings.objectives, run.search_baseline)
        assert step.hypervolume == pytest.approx(front.hypervolume())
    assert steps[-1].seconds == pytest.approx(sum(record.seconds for record in run.trials))


def test_the_times_sum_to_the_runs(write_run: WriteRun) -> None:
    run = write_run()
    spent = Report.of(run).spent

    assert math.fsum(spent.values()) == pytest.approx(run.seconds)
    assert spent["accuracy"] == pytest.approx(0.5 * len(POLICIES))
    assert spent["before the first trial"] == 3.0


def test_what_the_numbers_rest_on_is_told(write_run: WriteRun) -> None:
    trust = Report.of(write_run()).trust

    assert trust.seed == 7
    assert trust.versions == {"python": "3.11.7", "onnxruntime": "1.32.0"}
    assert trust.machine[""]["cpu"] == "Some CPU"
    assert trust.reading_of_itself["latency_ratio"].value == 1.0
    assert "seed: 7" in trust.config
    assert trust.repeat.endswith("config.yaml --run demo-again")
    assert trust.log[-1].endswith("all 9 trials are done")


def test_trust_names_the_trials_of_a_note_and_how_many_samples_were_scored(write_run: WriteRun) -> None:
    run = write_run(finished=False)
    candidate = run.trials[3].candidate
    assert candidate is not None
    run.write_record(replace(run.trials[3], candidate=replace(candidate, notes=("stopped early: dominated",))))
    digest = SplitDigest(64 * "ab", 5000, 5000)
    run.write_fingerprint(Fingerprint("w", "a", (), dict.fromkeys(SPLITS, digest), {"name": "accuracy"}))
    trust = Trust.of(run, [record.candidate for record in run.trials if record.candidate is not None])

    assert trust.notes == {"stopped early": "1 (trial 3)"}
    scored = run.baseline.metrics["accuracy"].n
    assert trust.splits == {
        "calibration": "5000 samples, SHA-256 abababababababab",
        "search": f"{scored} of 5000 samples scored, SHA-256 abababababababab",
        "test": "5000 samples, SHA-256 abababababababab",
    }


def test_a_class_that_was_damaged_is_told_of_each_member(write_run: WriteRun) -> None:
    damaged = ClassCount(2, 500, 450, 60, 5)
    report = Report.of(write_run(classes=(ClassCount(0, 500, 450, 10, 8), ClassCount(1, 500, 460, 9, 7), damaged)))

    assert set(report.classes) == {entry["trial"] for entry in report.front["candidates"]}
    for rows in report.classes.values():
        assert [row.label for row in rows if row.harder] == [2]
        assert rows[0].change == damaged.change
        assert (rows[0].before, rows[0].after) == (450 / 500, 395 / 500)


def test_probes_of_single_choices_are_told(write_run: WriteRun) -> None:
    run = write_run()
    store = ProbeStore(run.path)
    store.add_divergence(Policy({"quantize/stem": 8}), 0.002, 1.0)
    store.add_divergence(Policy({"quantize/stem": 8, "prune_channels/stem": 0.5}), 0.4, 1.0)
    store.add_divergence(Policy({"prune_channels/head": 0.5}), None, 1.0)

    assert Report.of(run).probed == (
        ProbedChoice("quantize", "stem", 8, 0.002),
        ProbedChoice("prune_channels", "head", 0.5, None),
    )


def test_an_unfinished_run_has_a_page_too(write_run: WriteRun) -> None:
    report = Report.of(write_run(finished=False))

    assert not report.finished
    assert report.front["candidates"]


def test_a_run_without_a_list_of_layers_has_a_page_too(write_run: WriteRun) -> None:
    run = write_run()
    (run.path / "graph.json").unlink()
    report = Report.of(Run.open(run.path))

    assert report.network.layers == ()
    assert report.to_json()["trials"][0]["done"] == "3 layers in int8"


def test_a_run_that_has_measured_nothing_is_refused(write_run: WriteRun) -> None:
    run = write_run()
    (run.path / "baseline.json").unlink()
    for file in (run.path / "final").iterdir():
        file.unlink()

    with pytest.raises(ParefrontError, match="has measured nothing yet"):
        Report.of(Run.open(run.path))


def test_a_damaged_list_of_layers_is_named(write_run: WriteRun) -> None:
    run = write_run()
    (run.path / "graph.json").write_text(json.dumps({"layers": [{"name": "stem"}], "groups": [], "knobs": []}))

    with pytest.raises(UnreadableFile, match=r"graph\.json"):
        Report.of(Run.open(run.path))


def test_neither_torch_nor_a_runtime_is_loaded(write_run: WriteRun) -> None:
    program = (
        "import sys; from parefront.cli.main import main; code = main(['report', sys.argv[1]]);"
        "sys.exit(code or [m for m in ('torch', 'optuna', 'onnxruntime', 'plotly') if m in sys.modules] or 0)"
    )
    subprocess.run([sys.executable, "-c", program, str(write_run().path)], check=True, capture_output=True)
