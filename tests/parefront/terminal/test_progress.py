"""What a person sees while a search runs, and the front at its end, at several widths."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import Metric, score
from parefront.search.runs.events import Done, Finalising, Finished, Noted, Probing, Recovering, Started, Warned
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.spaces.policy import Policy
from parefront.terminal.progress import (
    QUIET_TICK_SECONDS,
    TICK_SECONDS,
    LiveView,
    PlainView,
    terminal_may_be_gone,
    view_for,
)
from parefront.terminal.tables import describe, front_plot, front_table
from parefront.terminal.watching import Progress

from ..conftest import candidate

BUDGETS = (Budget.parse("latency <= 0.5x"),)
BASELINE = candidate(Policy(), 0.93, 1.0)
RUN = Path("runs/demo")


def front(size: int = 3) -> Front:
    members = [candidate(Policy({"q/a": i}), 0.93 - 0.004 * i, 0.7 - 0.05 * i, trial=10 + i) for i in range(size)]
    return Front.of(members, ("accuracy", "latency"), BASELINE, BUDGETS)


def terminal(width: int = 80, colour: bool = True) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=40, no_color=not colour, legacy_windows=False
    )


def text_of(console: Console) -> str:
    """What was written, without escape sequences."""
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())


def finished(number: int = 4, best: bool = True) -> Finished:
    shown = front()
    record = TrialRecord(number, shown[0].policy, Outcome.COMPLETE, shown[0], seconds=1.2)
    return Finished(record, 5, 40, shown, shown[2] if best else None)


def test_a_pipe_gets_one_line_for_every_phase_and_trial() -> None:
    console = Console(file=io.StringIO(), width=80)
    infeasible = TrialRecord(5, Policy({"q/a": 9}), Outcome.INFEASIBLE, None, "no block is left", 0.1)

    with view_for(console, "demo") as view:
        assert isinstance(view, PlainView)
        view.phase("tracing the model")
        view.event(Started(RUN, 4, 40, BASELINE, front(1)))
        view.event(finished())
        view.event(Finished(infeasible, 6, 40, front(), None))
        view.event(Finalising(1, 3, front()[0]))
        view.event(Done(RUN, front(), "every uniform policy has been tried"))

    lines = text_of(console).splitlines()
    assert lines[0] == "tracing the model …"
    assert lines[1] == "uncompressed: 93.0% at 1.000x, 4.53 MB; 40 trials, going on after 4 trials"
    assert re.fullmatch(
        r"\[5/40\] trial 4: 93\.0% at 0\.700x, 3\.17 MB; best 92\.2% at 0\.600x, 2\.72 MB; "
        r"0:00 elapsed, 0:\d\d left",
        lines[2],
    )
    assert lines[3].startswith("[6/40] trial 5: infeasible: no block is left; 0:00 elapsed")
    assert lines[4] == "measuring the front again [1/3] trial 10; 0:00 elapsed"
    assert lines[5:] == ["every uniform policy has been tried"]


def test_a_pipe_gets_a_warning_at_once_and_again_at_the_end() -> None:
    console = Console(file=io.StringIO(), width=80)

    with view_for(console, "demo") as view:
        view.event(Warned("the search split has 5 samples"))
        view.event(Started(RUN, 0, 40, BASELINE, front(1)))
        view.event(Done(RUN, front()))

    lines = text_of(console).splitlines()
    assert lines[0] == lines[-1] == "warning: the search split has 5 samples"


def test_a_terminal_keeps_a_warning_and_one_line_for_a_phase_that_has_come_further() -> None:
    console = terminal()

    with view_for(console, "demo") as view:
        view.phase("checking the search split: 10 of 90 samples")
        view.phase("checking the search split: 90 of 90 samples")
        view.event(Warned("the search split has 5 samples"))

    shown = text_of(console)
    assert "warning: the search split has 5 samples" in shown
    assert shown.count("✓") == 1
    assert "✓ checking the search split: 90 of 90 samples" in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_progress_best_and_the_front(width: int) -> None:
    console = terminal(width)

    with view_for(console, "demo") as view:
        assert isinstance(view, LiveView)
        view.phase("tracing the model")
        view.event(Started(RUN, 4, 40, BASELINE, front(1)))
        view.event(finished())
        shown = text_of(console)

    assert "✓ tracing the model" in shown
    assert "uncompressed 93.0% at 1.000x, 4.53 MB" in shown
    assert "5/40" in shown
    assert "last  trial 4: 93.0% at 0.700x" in shown
    assert "best  trial 12: 92.2% at 0.600x" in shown
    assert max(map(len, re.split(r"[\r\n]+", shown))) <= width


def test_a_terminal_is_told_that_nobody_is_within_the_budget_yet() -> None:
    console = terminal()

    with LiveView(console, "demo") as view:
        view.event(Started(RUN, 0, 40, BASELINE, front(0)))
        view.event(finished(best=False))

    assert "none yet within latency <= 0.5x" in text_of(console)


def test_the_view_is_gone_when_the_search_is_over_and_phases_remain() -> None:
    console = terminal()

    with LiveView(console, "demo") as view:
        view.phase("tracing the model")
        view.event(Started(RUN, 0, 40, BASELINE, front(0)))
        view.event(finished())

    assert isinstance(console.file, io.StringIO)
    erased = console.file.getvalue().split("\x1b[?25h")[-1]
    assert erased.count("\x1b[2K") >= 5


def test_little_is_drawn_between_events_while_latency_is_measured() -> None:
    console = terminal()

    with LiveView(console, "demo") as view:
        view.phase("tracing the model")
        assert view.tick_seconds == TICK_SECONDS
        view.phase("measuring the uncompressed model")
        assert view.tick_seconds == QUIET_TICK_SECONDS
        view.event(Started(RUN, 0, 40, BASELINE, front(0)))
        assert view.tick_seconds == QUIET_TICK_SECONDS


def test_a_terminal_shows_progress_while_a_library_is_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    """As the exporter is, by something else in the place of ``sys.stdout``."""
    view = LiveView(Console(force_terminal=True, width=80, legacy_windows=False), "demo")
    with view, contextlib.redirect_stdout(io.StringIO()) as silenced:
        view.phase("exporting the model")

    assert "exporting the model" in capsys.readouterr().out
    assert not silenced.getvalue()


def test_probing_is_shown_before_the_number_of_probes_is_known() -> None:
    console, pipe = terminal(), Console(file=io.StringIO(), width=80)
    for view in (LiveView(console, "demo"), PlainView(pipe)):
        with view:
            view.event(Started(RUN, 0, 40, BASELINE, front(0)))
            view.event(Probing(0, 0))

    assert "probing every knob" in text_of(console)
    assert text_of(pipe).splitlines()[-1] == "probing every knob …"


def test_a_long_front_is_thinned_out_but_keeps_the_best() -> None:
    console = terminal()
    long = front(10)
    record = TrialRecord(3, long[0].policy, Outcome.COMPLETE, long[0], seconds=1.0)

    with LiveView(console, "demo") as view:
        view.event(Started(RUN, 0, 40, BASELINE, long))
        view.event(Finished(record, 1, 40, long, long[5]))
        shown = text_of(console)

    assert "of the 10 on the front" in shown
    assert re.search(r"^ +15 ", shown, re.MULTILINE)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_fits_and_shows_all_of_a_candidate(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(front_table(front(), width))
    lines = text_of(console).splitlines()
    row = next(line for line in lines if line.strip().startswith("12"))

    assert max(len(line.rstrip()) for line in lines) <= width
    assert row.split()[1].startswith("92.2")
    assert "-0.8" in row
    assert "0.600" in row
    assert "2.72 MB" in row
    assert ("[0.594, 0.606]" in row) is (width > 80)
    assert ("36.8M" in row) is (width > 80)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 160, 200])
def test_no_number_is_cut_however_much_there_is_to_tell(width: int) -> None:
    def of_several(found: Candidate, runtime: str) -> Candidate:
        more = {f"latency_{of}@{name}": m for name in ("pi", "server") for of in ("ratio", "ms") if (m := alike(of))}
        more |= {"p99_ms": Measurement(1.2, 1.1, 1.6, 400, "ms")}
        more |= {f"test_{key}": found.metrics[key] for key in ("accuracy", "accuracy_change") if key in found.metrics}
        policy = Policy({**dict(found.policy), "device/runtime": runtime}) if runtime else found.policy
        return replace(found, policy=policy, metrics={**found.metrics, **more})

    def alike(of: str) -> Measurement:
        return Measurement(0.5, 0.25, 0.75, 64, "x" if of == "ratio" else "ms")

    members = [of_several(member, "openvino:bf16") for member in front()]
    budgets = (Budget.parse("p99 <= 5ms"), Budget.parse("latency@pi <= 0.9x"))
    shown = Front.of(members, ("accuracy", "latency@server"), of_several(BASELINE, ""), budgets)
    shown = replace(shown, runtimes=("onnxruntime", "openvino:bf16"))
    console = terminal(width)
    console.print(front_table(shown, width))
    lines = text_of(console).splitlines()

    assert "…" not in text_of(console)
    assert max(len(line.rstrip()) for line in lines) <= width
    assert all("base" in lines[index] for index in [next(i for i, line in enumerate(lines) if "──" in line) + 1])
    assert ("runs in" in next(line for line in lines if "trial" in line)) is (width >= 60)
    assert ("no room for" in " ".join(text_of(console).split())) is (width < 160)


def test_an_error_is_shown_under_its_own_name_and_not_in_per_cent() -> None:
    psnr = score("peak_signal_noise_ratio", higher_is_better=True)
    base, member = (scored(psnr, value, ratio, trial) for value, ratio, trial in ((31.5, 1.0, None), (30.25, 0.4, 7)))
    shown = Front.of([member], ("accuracy", "latency"), base, [Budget.parse("quality >= 30", psnr)], quality=psnr)
    console = Console(file=io.StringIO(), width=80)
    console.print(front_table(shown, 80), front_plot(shown, [], 80))
    text = text_of(console)

    assert describe(member, psnr) == "peak_signal_noise_ratio 30.25 at 0.400x"
    assert "30.25 ±0.5" in text
    assert "peak_signal_noise_ratio (higher is better)" in text
    assert "%" not in text
    assert "accuracy" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("width", [80, 120])
def test_a_quality_with_a_unit_and_points_is_shown_with_its_unit_and_its_change(width: int) -> None:
    psnr = score("psnr", higher_is_better=True, unit="dB", point=0.1)
    base, member = (scored(psnr, value, ratio, trial) for value, ratio, trial in ((31.5, 1.0, None), (30.25, 0.4, 7)))
    change = Measurement(-1.25, -1.35, -1.15, 64, "dB")
    member = replace(member, metrics={**member.metrics, "psnr_change": change})
    shown = Front.of([member], ("psnr", "latency"), base, [Budget.parse("psnr >= -20pt", psnr)], quality=psnr)
    console = Console(file=io.StringIO(), width=width)
    console.print(front_table(shown, width), front_plot(shown, [], width))
    text = text_of(console)

    assert describe(member, psnr) == "psnr 30.25 dB at 0.400x"
    assert "psnr dB" in text
    assert "change dB" in text
    assert ("-1.25 ±0.1" if width > 115 else "-1.25") in text
    assert "psnr, dB (higher is better)" in text


def test_the_axis_of_a_fraction_says_where_lower_is_better() -> None:
    rate = score("error_rate", higher_is_better=False, unit="fraction")
    members = [scored(rate, 0.6, 0.4, 7)]
    shown = Front.of(members, ("error_rate", "latency"), scored(rate, 0.5, 1.0, None), quality=rate)
    assert front_plot(shown, [], 80).plain.startswith("error_rate (lower is better)")


def scored(quality: Metric, value: float, ratio: float, trial: int | None) -> Candidate:
    metrics = {
        quality.key: Measurement(value, value - 0.5, value + 0.5, 64, quality.unit),
        "latency_ratio": Measurement(ratio, 0.99 * ratio, 1.01 * ratio, 64, "x"),
    }
    return Candidate(Policy({} if trial is None else {"q/a": trial}), metrics, trial=trial)


def test_a_noisy_measurement_is_marked_and_explained() -> None:
    noisy = candidate(Policy({"q/a": 1}), 0.92, 0.5, trial=1, noisy=True)
    table = front_table(Front.of([noisy], ("accuracy", "latency"), BASELINE), 80)
    console = Console(file=io.StringIO(), width=80)
    console.print(table)

    assert "~ noisy: believe the interval, not the value" in text_of(console)


def test_the_plot_shows_front_baseline_and_budget() -> None:
    others = [candidate(Policy({"q/a": 50}), 0.925, 0.68, trial=50)]
    plot = front_plot(front(), others, 80).plain

    assert plot.splitlines()[0] == "accuracy"
    assert plot.count("●") == 3 + 1
    assert plot.count("◆") == 1 + 1
    assert plot.count("·") == 1 + 1
    assert plot.count("┊") >= 10
    assert "latency, x of the uncompressed model" in plot
    assert max(map(len, plot.splitlines())) <= 80


def test_a_terminal_without_unicode_gets_ascii() -> None:
    plot = front_plot(front(), [], 80, ascii_only=True).plain
    console = Console(file=io.StringIO(), width=80)
    console.print(front_table(front(), 80, ascii_only=True))

    assert plot.isascii()
    assert text_of(console).isascii()


@pytest.mark.parametrize("width", [80, 140])
def test_what_objectives_and_budgets_name_has_a_column(width: int) -> None:
    def with_p99(found: Candidate) -> Candidate:
        p99 = Measurement(1.2, 1.1, 1.6, 400, "ms")
        return replace(found, metrics={**found.metrics, "p99_ms": p99})

    members = [with_p99(member) for member in front()]
    budgets = (Budget.parse("p99 <= 5ms"), Budget.parse("latency <= 0.9x"))
    shown = Front.of(members, ("accuracy", "fps"), with_p99(BASELINE), budgets)
    console = terminal(width)
    console.print(front_table(shown, width))
    lines = text_of(console).splitlines()

    heading = next(line for line in lines if "trial" in line)
    assert "fps" in heading
    assert "p99" in heading
    assert max(map(len, lines)) <= width
    base = next(line for line in lines if " base " in line)
    assert ("1250 ±16" if width == 140 else "1250") in base
    assert ("1.20 [1.10, 1.60]" if width == 140 else "1.20") in base
    assert "…" not in base


def test_macs_have_a_column_in_a_narrow_terminal_where_they_are_an_objective() -> None:
    console = terminal(80)
    for objectives in (("accuracy", "macs"), ("accuracy", "latency")):
        console.print(front_table(Front.of(front(), objectives, BASELINE), 80))
    headings = [line for line in text_of(console).splitlines() if "trial" in line]

    assert ["macs" in heading for heading in headings] == [True, False]


def test_ticks_of_latency_stand_for_where_they_are() -> None:
    members = [
        replace(member, metrics={**member.metrics, "latency_ratio": Measurement(value, value, value, 9, "x")})
        for member, value in zip(front(), (0.88, 0.9, 0.95), strict=False)
    ]
    drawn = front_plot(Front.of(members, ("accuracy", "latency"), BASELINE), [], 80).plain

    ticks = [float(word[:-1]) for word in drawn.splitlines()[-3].split() if word.endswith("x")]
    steps = [round(b - a, 6) for a, b in itertools.pairwise(ticks)]
    assert len(ticks) > 2
    assert len(set(steps)) == 1


class Gone(io.StringIO):
    """What is left of a terminal that was closed."""

    tried = 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_terminal_that_was_closed_ends_no_search() -> None:
    terminal = Gone()
    PlainView(Console(file=terminal)).event(Noted("still searching"))
    assert terminal.tried == 1


def test_a_pipe_that_nobody_reads_is_an_error_as_ever() -> None:
    with pytest.raises(BrokenPipeError), terminal_may_be_gone():
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def test_while_a_member_is_trained_its_loss_and_what_it_scores_are_shown_with_the_time_that_is_left() -> None:
    progress, member = Progress(), front()[0]
    progress.update(Started(RUN, 5, 5, BASELINE, front(), None))
    progress.update(Recovering(member, 10, 40, 0.02, 30.0, 90.0))
    assert progress.timing().startswith("loss 0.02; ")
    assert progress.timing().endswith(" elapsed, 1:30 of training left")
    progress.update(Recovering(member, 20, 40, 0.01, 30.0, 60.0, score=0.875))
    assert progress.timing().startswith("loss 0.01, about 87.5%; ")


def test_a_pipe_is_told_of_every_training_at_its_first_step_and_every_half_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("parefront.terminal.progress.time.monotonic", lambda: now)
    console = Console(file=io.StringIO(), width=200)
    view, (first, second, *_) = PlainView(console), front()
    for seconds, member, done in ((0, first, 1), (10, first, 20), (31, first, 60), (32, second, 1)):
        now = 100.0 + seconds
        view.event(Recovering(member, done, 80, 0.02, 20.0, 90.0))
    view.event(Recovering(second, 2, 80, 0.02, 20.0, None))
    lines = text_of(console).splitlines()

    assert [line.split(";")[0] for line in lines] == [
        f"training {first.label} [1/80]",
        f"training {first.label} [60/80]",
        f"training {second.label} [1/80]",
    ]
    assert all(line.endswith("1:30 of training left") for line in lines)


def test_measuring_again_says_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("parefront.terminal.watching.time.monotonic", lambda: now)
    progress = Progress()
    progress.update(Recovering(front()[0], 80, 80, 0.02, 0.0, 0.0))
    for index, at in ((1, 0.0), (2, 3.0), (3, 6.0)):
        now = at
        progress.update(Finalising(index, 8, front()[0]))
    assert progress.timing() == "0:06 elapsed, 0:18 left"
