"""Limits on the page of a run, in a real browser: what they choose, and what the page says of what they leave out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from parefront.evaluators.results.classes.class_counts import ClassCount
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.views.units import ratio
from parefront.report.page import write_report
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy

from .browser import CHROMIUM, Browser, chosen, set_to, text
from .conftest import WriteRun, measured

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")


@pytest.mark.parametrize("position", [20, 80, 140, 199])
def test_the_limit_chooses_what_select_chooses(browser: Browser, opened: Run, position: int) -> None:
    browser.run(
        f"(s => {{ s.value = {position}; s.dispatchEvent(new Event('input')); }})(document.getElementById('limit'))"
    )
    highs = [candidate.metrics["latency_ratio"].high for candidate in opened.front]
    lowest = min(highs) - 0.05 * (max(highs) - min(highs))
    limit = lowest + (max(highs) - lowest) * position / 199

    assert text(browser, "limit-text") == f"at most {ratio(limit)}"
    assert chosen(browser) == opened.front.select(f"latency <= {limit + 1e-9:.12f}x").trial


@pytest.mark.parametrize("position", [0, 60, 130])
def test_a_limit_on_the_loss_chooses_the_fastest_as_select_does(browser: Browser, opened: Run, position: int) -> None:
    set_to(browser, "loss", position)
    useful = [candidate for candidate in opened.front if opened.front.is_useful(candidate)]
    changes = [100 * candidate.metrics["accuracy_change"].value for candidate in useful]
    limit = max(changes) + (min(changes) - max(changes)) * position / 199

    assert chosen(browser) == opened.front.select(f"accuracy >= {limit - 1e-9:.12f}pt").trial
    assert text(browser, "loss-text").startswith("at least −")


def test_a_limit_on_the_loss_must_hold_on_the_test_split_too(browser: Browser, write_run: WriteRun) -> None:
    run = write_run()
    lossy = run.front.select("accuracy >= -0.5pt")
    change = Measurement(-0.03, -0.034, -0.026, 2000, "fraction")
    run.write_finalised(replace(lossy, metrics={**lossy.metrics, "test_accuracy_change": change}), 0.5)
    run = Run.open(run.name, run.path.parent)
    browser.open(write_report(run))

    set_to(browser, "loss", 60)

    assert chosen(browser) != lossy.trial
    assert re.match(r"The lowest latency with at most \d\.\d\d pt of accuracy lost", text(browser, "why"))
    assert "by its value on the search split and the test split" in text(browser, "why")
    assert f"Trial {lossy.trial} holds on the search split alone: " in text(browser, "why")
    assert "−3.00 pt on the test split." in text(browser, "why")


def test_typed_limits_choose_what_select_chooses(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-value", 0.6)
    assert chosen(browser) == opened.front.select("latency <= 0.6x").trial
    assert text(browser, "limit-text") == "at most 0.600x"

    set_to(browser, "loss-value", 1.5)
    assert chosen(browser) == opened.front.select("latency <= 0.6x", "accuracy >= -1.5pt").trial
    assert "with latency of at most 0.600x and at most 1.50 pt of accuracy lost" in text(browser, "why")

    set_to(browser, "limit-value", "")
    assert chosen(browser) == opened.front.select("accuracy >= -1.5pt").trial
    assert text(browser, "limit-text") == "none"

    set_to(browser, "loss-value", "")
    assert chosen(browser) == opened.to_json()["best"]["trial"] or "limit" not in text(browser, "why")


def test_slider_and_number_say_the_same(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit", 100)
    number = float(browser.run("document.getElementById('limit-value').value"))
    assert text(browser, "limit-text") == f"at most {number:.3f}x"

    set_to(browser, "limit-value", 99)
    assert browser.run("document.getElementById('limit').value") == "199"
    assert browser.run("document.getElementById('limit').getAttribute('aria-valuetext')") == "at most 99.000x"


def test_a_size_is_typed_in_the_unit_that_it_is_shown_in(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-axis", "size_bytes")
    set_to(browser, "limit-value", 3)

    assert text(browser, "limit-unit") == "MB (1 MB = 1,000,000 bytes)"
    assert text(browser, "limit-text") == "at most 3.00 MB"
    assert chosen(browser) == opened.front.select("size <= 3000KB").trial


def test_a_limit_leaves_out_what_hits_a_class_harder_than_the_others(browser: Browser, write_run: WriteRun) -> None:
    even = (ClassCount(0, 1000, 900, 20, 10), ClassCount(1, 1000, 900, 20, 10))
    run = write_run(classes=even)
    fastest = min(run.front, key=lambda member: member.metrics["latency_ratio"].value)
    hurt = replace(fastest, classes=(even[0], ClassCount(1, 1000, 900, 200, 10)))
    run.write_finalised(hurt, 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))
    limit = fastest.metrics["latency_ratio"].high

    set_to(browser, "limit-value", limit)
    assert chosen(browser) == fastest.trial
    assert f"Trial {fastest.trial} hits class 1 harder than the others" in text(browser, "why")
    browser.run("document.getElementById('alike').click()")

    assert text(browser, "sentence").endswith("and no class hit harder than the others.")
    assert "the lowest latency is that of trial 0: 0." in text(browser, "why")
    assert text(browser, "why").endswith("is that of trial 6: 1 class is hit harder.")
    set_to(browser, "limit-value", "")
    assert chosen(browser) != fastest.trial
    cells = "row => [row.children[0].textContent, row.children[row.children.length - 2].textContent]"
    columns = dict(browser.run(f"[...document.querySelectorAll('#members tbody tr')].map({cells})"))
    assert columns["base"] == "\u2013"
    assert columns[str(fastest.trial)] == "class 1"
    assert columns[str(chosen(browser))] == "none"


def test_what_a_limit_leaves_out_by_its_interval_alone_is_named(browser: Browser, opened: Run) -> None:
    first, second = sorted(opened.front, key=lambda member: member.metrics["latency_ratio"].value)[:2]

    set_to(browser, "limit-value", second.metrics["latency_ratio"].value)

    assert chosen(browser) == first.trial
    assert f"By its value alone trial {second.trial} would be within it, too: " in text(browser, "why")


def test_what_is_better_within_a_limit_and_not_on_the_front_is_named(browser: Browser, write_run: WriteRun) -> None:
    run = write_run()
    slow = measured(Policy({"quantize/stem": 8, "prune_channels/head": 0.25}), 20)
    known = {
        "latency_ratio": Measurement.around(1.5, 1.4, 1.6, 64, "x"),
        "accuracy_change": Measurement.around(0.02, 0.01, 0.03, 2000, "fraction"),
        "size_bytes": Measurement.exact(10, "bytes"),
    }
    slow = replace(slow, metrics={**slow.metrics, "accuracy": Measurement.exact(0.92, "fraction"), **known})
    run.write_record(TrialRecord(20, slow.policy, Outcome.COMPLETE, slow, seconds=1.25))
    browser.open(write_report(run))
    smallest = min(member.metrics["size_bytes"].value for member in run.front)

    set_to(browser, "limit-axis", "size_bytes")
    set_to(browser, "limit-value", (smallest + 1) / 1e6)

    assert "Trial 20 is not on the front, but better within it: " in text(browser, "why")


def test_a_trial_that_the_verdict_names_is_chosen_by_a_click(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-value", 0.05)
    named = browser.run("document.querySelector('#why button').textContent")

    browser.run("document.querySelector('#why button').click()")

    assert text(browser, "chosen-title").lower() == named


def test_limits_that_no_model_keeps_together_name_the_nearest(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-value", 0.05)
    set_to(browser, "loss-value", 0)

    assert text(browser, "sentence") == (
        "No model of this front has latency of at most 0.050x and at most 0.00 pt of accuracy lost."
    )
    assert text(browser, "why").startswith("The lowest latency of this front is that of trial 6: 0.")
    assert "The best accuracy of this front is that of trial 5: −0.1 ± 0.2 pt on the search split" in text(
        browser, "why"
    )


def test_a_limit_that_nobody_keeps_says_what_the_least_is(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit", 0)
    least = min(opened.front, key=lambda candidate: candidate.metrics["latency_ratio"].high)

    assert text(browser, "sentence").startswith("No model of this front has latency of at most 0.")
    assert text(browser, "why").startswith(f"The lowest latency of this front is that of trial {least.trial}: ")
    assert f", {ratio(least.metrics['latency_ratio'].high)} by the upper end of its interval, " in text(browser, "why")
    assert browser.run("document.getElementById('export').hidden")
    assert text(browser, "answer").startswith("No model of this front is within all of it")


def test_each_cost_has_a_limit_of_its_own_until_it_is_removed(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-value", 0.6)
    set_to(browser, "limit-axis", "size_bytes")
    assert browser.run("document.getElementById('limit-value').value") == ""
    set_to(browser, "limit-value", 2.2)
    held = "[...document.querySelectorAll('#held button')].map(one => one.textContent)"

    assert browser.run(held) == ["latency of at most 0.600x ×", "size of at most 2.20 MB ×"]
    assert chosen(browser) == opened.front.select("latency <= 0.6x", "size <= 2.2MB").trial
    set_to(browser, "limit-axis", "latency_ratio")
    assert browser.run("document.getElementById('limit-value').value") == "0.6"

    browser.run("document.querySelectorAll('#held button')[1].click()")
    assert browser.run(held) == ["latency of at most 0.600x ×"]
    assert browser.run("document.activeElement.closest('#held') !== null")
    browser.run("document.getElementById('clear').click()")
    assert browser.run(held) == []
    assert browser.run("document.getElementById('limit-value').value") == ""
    assert browser.run("document.getElementById('clear').hidden")


@pytest.mark.parametrize("name", ["limit", "loss"])
@pytest.mark.parametrize("given", ["-1", "abc", "1,600", "0x10", "1e999", "−1"])
def test_what_is_no_number_from_0_up_is_refused_beside_its_box(
    browser: Browser, opened: Run, name: str, given: str
) -> None:
    begun = chosen(browser)

    set_to(browser, f"{name}-value", given)

    assert text(browser, f"{name}-note").startswith("Not taken: type a number from 0 up")
    assert browser.run(f"document.getElementById('{name}-value').getAttribute('aria-invalid')") == "true"
    assert browser.run(f"document.getElementById('{name}-value').value") == given
    assert chosen(browser) == begun
    set_to(browser, f"{name}-value", "0.9")
    assert text(browser, f"{name}-text") != "none"
    assert "Not taken" not in text(browser, f"{name}-note")


def test_it_says_what_is_looked_for_and_that_a_limit_leaves_nothing_out(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-value", 15)
    assert text(browser, "limit-note") == "Every model of the front is within it."
    assert text(browser, "aim") == "Looked for: the best accuracy within this limit."
    browser.run("document.getElementById('clear').click()")

    set_to(browser, "loss-value", 0.5)
    assert text(browser, "limit-note") == ""
    assert text(browser, "aim") == "Looked for: the lowest latency within this limit."


def test_what_is_chosen_outside_of_the_limits_is_not_advised(browser: Browser, opened: Run) -> None:
    set_to(browser, "limit-value", 0.05)
    card = browser.run("Number(document.querySelector('#picks button').dataset.trial)")
    assert not browser.run("document.querySelector('#picks .outside').hidden")

    browser.run("document.querySelector('#picks button').click()")

    assert text(browser, "sentence").startswith(f"Trial {card}, picked by you, outside of your limits: ")
    assert "It is not within latency of at most 0.050x: " in text(browser, "why")
    assert text(browser, "answer") == text(browser, "sentence")
    browser.run("document.getElementById('clear').click()")
    assert browser.run("document.querySelector('#picks .outside').hidden")


def test_it_says_that_a_limit_puts_the_budget_of_the_run_aside(browser: Browser, write_run: WriteRun) -> None:
    run = write_run(budget=["latency <= 0.6x"])
    browser.open(write_report(run))
    assert "aside" not in text(browser, "why")

    set_to(browser, "limit-value", 1)

    aside = f"Your limits put the run's own budget aside: trial {chosen(browser)} is not within latency <= 0.6x."
    assert chosen(browser) != run.front.select().trial
    assert aside in text(browser, "why")


def test_only_what_is_within_the_limits_is_called_a_tie(browser: Browser, write_run: WriteRun) -> None:
    run = write_run()
    first, second = sorted(run.front, key=lambda member: member.metrics["latency_ratio"].value)[:2]
    wide = dict.fromkeys(("accuracy_change", "test_accuracy_change"), Measurement(-0.01, -0.05, 0.03, 2000, "fraction"))
    for member, share, size in ((first, 0.49, 1_000_000), (second, 0.51, 1_010_000)):
        costs = {
            "latency_ratio": Measurement.around(share, 0.4, 0.6, 64, "x"),
            "size_bytes": Measurement.exact(size, "bytes"),
        }
        metrics = {**member.metrics, **wide, **costs}
        run.write_finalised(replace(member, metrics=metrics), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))
    set_to(browser, "limit-axis", "size_bytes")
    tied = f"a tie with {second.trial}"
    assert tied in text(browser, "picks")

    set_to(browser, "limit-value", 1.005)
    assert chosen(browser) == first.trial
    assert "tie" not in text(browser, "why")
    assert tied not in text(browser, "picks")
    set_to(browser, "limit-value", 1.02)
    (other,) = {first.trial, second.trial} - {chosen(browser)}
    assert f"A tie within the noise with trial {other}." in text(browser, "why")


def test_what_was_timed_through_one_anchor_is_no_tie_where_its_own_errors_tell_it(
    browser: Browser, write_run: WriteRun
) -> None:
    run = write_run()
    first, second = sorted(run.front, key=lambda member: member.metrics["latency_ratio"].value)[:2]
    wide = dict.fromkeys(("accuracy_change", "test_accuracy_change"), Measurement(-0.01, -0.05, 0.03, 2000, "fraction"))
    for anchors, tied in ((("int8", "int8"), False), (("int8", "float"), True)):
        for member, share, anchor in zip((first, second), (0.45, 0.55), anchors, strict=True):
            timed = Measurement(share, 0.3, 0.7, 64, "x").shared(anchor, share - 0.02, share + 0.02)
            metrics = {**member.metrics, **wide, "latency_ratio": timed}
            run.write_finalised(replace(member, metrics=metrics), 0.5)
        read = Run.open(run.name, run.path.parent)
        browser.open(write_report(read))
        assert (f"a tie with {second.trial}" in text(browser, "picks")) is tied
        (pick,) = (pick for pick in read.to_json()["picks"] if pick["trial"] == first.trial)
        assert (second.trial in pick["ties"]) is tied


def test_it_names_what_holds_on_the_test_split_alone(browser: Browser, write_run: WriteRun) -> None:
    run = write_run()
    lossy = min(run.front, key=lambda member: member.metrics["latency_ratio"].value)
    changes = {
        key: Measurement(value, value - 0.004, value + 0.004, 2000, "fraction")
        for key, value in (("accuracy_change", -0.03), ("test_accuracy_change", -0.001))
    }
    run.write_finalised(replace(lossy, metrics={**lossy.metrics, **changes}), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))

    set_to(browser, "loss-value", 2)

    assert chosen(browser) != lossy.trial
    told = f"Trial {lossy.trial} holds on the test split alone: −0.10 pt there, −3.00 pt on the search split."
    assert told in text(browser, "why")


def test_the_class_that_is_hit_hardest_is_in_the_headline_and_the_card(browser: Browser, write_run: WriteRun) -> None:
    counts = (ClassCount(0, 1000, 900, 20, 10), ClassCount(1, 1000, 900, 200, 10), ClassCount(2, 1000, 900, 120, 10))
    browser.open(write_report(write_run(classes=counts)))

    assert "hits class 1 hardest: −19.0 ± " in text(browser, "sentence")
    assert "hits class 1 hardest: −19.0 ± " in browser.run("document.querySelector('#picks button .warn').textContent")
