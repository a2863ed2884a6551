"""The page in a real browser: nothing is fetched, nothing complains, what is chosen is what the command line says."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from parefront.evaluators.results.classes.class_counts import ClassCount
from parefront.evaluators.results.measurement import Measurement
from parefront.report.comparison import Comparison
from parefront.report.comparison_page import write_comparison
from parefront.report.document import Report
from parefront.report.live import LivePage
from parefront.report.page import page_of, write_report
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.spaces.policy import Policy

from .browser import CHROMIUM, Browser, chosen, set_to, text
from .conftest import ENVIRONMENT, POLICIES, PROFILE, WriteRun, measured, network_of, place_beside

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")
HOSTILE = "<script>document.title = 'broken'</script>"


def test_it_loads_nothing_and_complains_of_nothing(browser: Browser, opened: Run) -> None:
    assert browser.complaints == []
    assert browser.requests == [(opened.path / "report.html").as_uri()]
    assert browser.run("document.title") == "demo – Parefront"


def test_the_verdict_is_the_first_pick_with_the_command_that_exports_it(browser: Browser, opened: Run) -> None:
    pick = opened.to_json()["picks"][0]

    assert chosen(browser) == pick["trial"]
    assert text(browser, "command") == f"parefront export {opened.path} --trial {pick['trial']} -o model.onnx"
    assert text(browser, "chosen-title") == f"Trial {pick['trial']}"


def test_a_column_says_what_members_run_in_where_the_runtime_is_searched(browser: Browser, write_run: WriteRun) -> None:
    told = replace(Report.of(write_run()), runtimes=("onnxruntime", "openvino:bf16"))
    last = told.front["candidates"][-1]
    told.front["candidates"][-1] = {**last, "runtime": "openvino:bf16"}
    page = Path(write_run("other").path / "page.html")
    page.write_text(page_of(told))
    browser.open(page)

    heading, *rows = browser.run(
        "[...document.querySelectorAll('#members tr')].map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    column = heading.index("runs in")

    assert [row[column] for row in rows] == ["onnxruntime"] * (len(rows) - 1) + ["openvino:bf16"]
    assert browser.complaints == []


def test_a_network_of_the_users_own_is_drawn_listed_and_compared(browser: Browser, write_run: WriteRun) -> None:
    run = write_run(budget=["latency <= 0.6x"])
    best = run.front.select()
    ratio = best.metrics["latency_ratio"].value
    diamonds = "document.querySelectorAll('#plot path[class=landmark]').length"
    browser.open(write_report(run))
    without = browser.run(diamonds)
    file = place_beside(run, HOSTILE, best.accuracy - 0.02, 1.25 * ratio)
    browser.open(write_report(run))

    assert browser.run(diamonds) == without + 1
    assert browser.run("document.title") == "demo – Parefront"
    short = f"{HOSTILE[:23]}…"
    named = "[...document.querySelectorAll('#plot text.name')].map((one) => one.textContent)"
    assert short in browser.run(named)
    cells = "[...document.querySelectorAll('#members tbody tr')].map((row) => row.children[0].textContent)"
    assert browser.run(cells)[:2] == ["base", short]
    why = text(browser, "why")
    assert f"“{short}” reaches {100 * (best.accuracy - 0.02):.2f} % at {1.25 * ratio:.3f}x: " in why
    assert f"trial {best.trial} is 2.00 pt better, at 0.800 times its latency." in why
    browser.run(
        f"(s => {{ s.value = '{file}'; s.dispatchEvent(new Event('change')); }})(document.getElementById('beside'))"
    )
    facts = browser.run(
        "[...document.querySelectorAll('#facts tr')].map((row) => [...row.children].map((one) => one.textContent))"
    )
    assert facts[0][-1] == short
    assert {row[0]: row[-1] for row in facts}["parameters"] == "–"
    assert {row[0]: row[-1] for row in facts}["latency, x of uncompressed"].startswith(f"{1.25 * ratio:.3f} ± ")
    assert text(browser, "layers").count("uncompressed") == 0
    browser.run(
        "document.querySelectorAll('#plot path[class=landmark]')["
        + str(without)
        + "].dispatchEvent(new Event('focus'))"
    )
    assert text(browser, "tip").startswith(f"{HOSTILE}\n")
    assert text(browser, "tip").endswith("a network of your own")
    assert browser.complaints == []


def test_a_network_of_the_users_own_far_off_is_named_only_where_it_is_beaten(
    browser: Browser, write_run: WriteRun
) -> None:
    run = write_run(budget=["latency <= 0.6x"])
    best = run.front.select()
    place_beside(run, "tiny", best.accuracy - 0.1, 0.1 * best.metrics["latency_ratio"].value)
    browser.open(write_report(run))
    assert "tiny" not in text(browser, "why")

    place_beside(run, "great", best.accuracy + 0.01, 0.2 * best.metrics["latency_ratio"].value)
    browser.open(write_report(run))
    assert f"trial {best.trial} is 1.00 pt worse, at 5.00 times its latency." in text(browser, "why")


def test_the_verdict_names_what_is_as_good_and_cheaper(browser: Browser, write_run: WriteRun) -> None:
    run = write_run(budget=["latency <= 0.95x"])
    best, cheaper = run.front.select(), run.front.select("accuracy >= -1pt")
    wide = Measurement(-0.001, -0.003, 0.001, 2000, "fraction")
    for member in (best, cheaper):
        changes = dict.fromkeys(("accuracy_change", "test_accuracy_change"), wide)
        run.write_finalised(replace(member, metrics={**member.metrics, **changes}), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))

    assert chosen(browser) == best.trial
    assert f"Trial {cheaper.trial} is as good within the noise, and costs less: " in text(browser, "why")


def test_intervals_are_within_the_plot_and_its_texts_apart(browser: Browser, write_run: WriteRun) -> None:
    browser.show_as(390)
    browser.open(write_report(write_run(budget=["latency <= 0.6x"])))
    named = "one => /int8|uncompressed$|<=/.test(one.textContent)"
    corners = "box => [box.x, box.y, box.x + box.width, box.y + box.height]"
    boxes = browser.run(
        f"[...document.querySelectorAll('#plot text')].filter({named}).map(one => one.getBBox()).map({corners})"
    )
    pieces = "bar => bar.getAttribute('d').split('M').length"
    ends = browser.run(f"[...document.querySelectorAll('#plot .bar')].map({pieces})")
    browser.show_as(1280)

    assert len(boxes) >= 4
    for one, box in enumerate(boxes):
        for other in boxes[:one]:
            assert min(box[2], other[2]) <= max(box[0], other[0]) or min(box[3], other[3]) <= max(box[1], other[1])
    assert set(ends) == {3}, "the two bars of each, and no arrow"


def test_numbers_tell_both_ends_of_intervals_whose_sides_differ(browser: Browser, write_run: WriteRun) -> None:
    run = write_run()
    skewed = {
        "accuracy": Measurement(0.997, 0.992, 0.999, 2000, "fraction"),
        "accuracy_change": Measurement(-0.004, -0.014, -0.001, 2000, "fraction"),
        "p99_ms": Measurement(1.2, 1.0, 1.6, 64, "ms"),
        "memory_bytes": Measurement(2e6, 1.5e6, 3e6, 3, "bytes"),
        "latency_ratio": Measurement(0.01, 0.0095, 0.0105, 64, "x"),
    }
    member = run.front[0]
    run.write_finalised(replace(member, metrics={**member.metrics, **skewed}), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))
    browser.run(f"document.querySelector('#members [aria-label=\"choose trial {member.trial}\"]').click()")

    rows = browser.run("[...document.querySelectorAll('#facts tr')].map((row) => row.children[1].textContent)")

    for words in ("99.7 [99.2, 99.9] %", "−0.4 [−1.4, −0.1] pt", "1.20 [1.00, 1.60] ms"):
        assert words in rows
    assert "2.00 [1.50, 3.00] MB" in rows
    assert "0.010 ± 0.001x" in rows


def test_the_verdict_names_what_is_within_the_budget_on_the_search_split_alone(
    browser: Browser, write_run: WriteRun
) -> None:
    run = write_run(budget=["accuracy >= -0.5pt"])
    lossy = run.front.select()
    change = Measurement(-0.03, -0.034, -0.026, 2000, "fraction")
    run.write_finalised(replace(lossy, metrics={**lossy.metrics, "test_accuracy_change": change}), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))

    assert chosen(browser) != lossy.trial
    assert f"Trial {lossy.trial} holds on the search split alone: accuracy -" in text(browser, "why")


def test_a_click_chooses_and_everything_follows(browser: Browser, opened: Run) -> None:
    browser.run("document.querySelector('#plot circle.cloud').dispatchEvent(new MouseEvent('click'))")
    members = {candidate.trial for candidate in opened.front}

    assert chosen(browser) not in members
    assert "It is not on the front" in text(browser, "why")
    assert text(browser, "chosen-title") == f"Trial {chosen(browser)}"
    assert text(browser, "facts").count(f"trial {chosen(browser)}") == 1


def test_arrow_keys_walk_along_the_front(browser: Browser, opened: Run) -> None:
    by_cost = sorted(opened.front, key=lambda candidate: candidate.metrics["latency_ratio"].value)
    browser.run(
        f"[...document.querySelectorAll('#members button')].find(b => b.textContent == {by_cost[0].trial}).click()"
    )
    browser.run("document.querySelector('#plot [role=radio][tabindex=\"0\"]').focus()")

    browser.press("ArrowRight")
    assert chosen(browser) == by_cost[1].trial
    browser.press("ArrowRight")
    assert chosen(browser) == by_cost[2].trial
    browser.press("ArrowLeft")
    assert chosen(browser) == by_cost[1].trial
    assert browser.run("document.activeElement.getAttribute('aria-checked')") == "true"


def test_axes_are_switched(browser: Browser, opened: Run) -> None:
    browser.run(
        "(s => { s.value = 'size_bytes'; s.dispatchEvent(new Event('change')); })(document.getElementById('x-axis'))"
    )

    labels = browser.run("[...document.querySelectorAll('#plot text')].map(t => t.textContent)")
    assert "size" in labels
    assert any(label.endswith(" MB") for label in labels)


def test_two_models_are_compared_layer_by_layer(browser: Browser, opened: Run) -> None:
    browser.run("[...document.querySelectorAll('#picks button')].at(-1).click()")
    set_to(browser, "beside", 0)

    assert "trial 0" in text(browser, "layers")
    assert browser.run("document.querySelectorAll('#layers tbody tr').length") == 3


def test_the_command_is_copied(browser: Browser, opened: Run) -> None:
    browser.run("document.getElementById('copy').click()")
    browser.run("new Promise(done => setTimeout(done, 200))")

    assert text(browser, "copy") in ("copied", "selected")


def test_it_is_dark_where_that_is_liked_and_where_it_is_asked_for(browser: Browser, opened: Run) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.show_as(1280, dark=True)
    dark = browser.run(ground)
    browser.run("document.getElementById('theme').click()")

    assert dark != light
    assert browser.run(ground) == light


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, opened: Run, width: int) -> None:
    browser.show_as(width)

    assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.run("document.querySelector('#plot svg').clientWidth") > 200


def test_it_can_be_printed(browser: Browser, opened: Run) -> None:
    assert browser.printed().startswith(b"%PDF")


def test_hostile_names_are_shown_as_text(browser: Browser, write_run: WriteRun) -> None:
    policies = [{f"quantize/{HOSTILE}": 8}, {f"prune_channels/{HOSTILE}": 0.5}]
    run = write_run("<img src=x onerror=alert(1)>", policies, graph=network_of(HOSTILE, "head"), reason=HOSTILE)
    browser.open(write_report(run))

    assert browser.complaints == []
    assert len(browser.requests) == 1
    assert text(browser, "name") == "<img src=x onerror=alert(1)>"
    assert browser.run("document.title") == "<img src=x onerror=alert(1)> – Parefront"
    assert HOSTILE in text(browser, "layers")
    assert HOSTILE in text(browser, "lost")
    assert browser.run("document.querySelectorAll('img, main script').length") == 0


def test_a_class_that_is_hit_harder_is_named(browser: Browser, write_run: WriteRun) -> None:
    alike = tuple(ClassCount(label, 500, 450, 10, 8) for label in range(3))
    browser.open(write_report(write_run("alike", classes=alike)))
    assert text(browser, "fair").startswith("No class is hit harder than the others beyond the noise")

    browser.open(write_report(write_run("damaged", classes=(*alike, ClassCount(3, 500, 450, 60, 5)))))
    assert text(browser, "fair").startswith("Hit harder than the others: class 3 (−11.0 ± ")
    assert browser.run("document.querySelectorAll('#classes tbody tr').length") == 4

    browser.open(write_report(write_run("unknown")))
    assert browser.run("document.getElementById('fairness').hidden")
    assert browser.complaints == []


def test_classes_go_by_their_names_where_the_task_has_some(browser: Browser, write_run: WriteRun) -> None:
    counts = *(ClassCount(label, 500, 450, 10, 8) for label in range(3)), ClassCount(3, 500, 450, 60, 5)
    names = ["cat", "dog", "emu", "<b>gnu</b>"]
    browser.open(write_report(write_run(classes=counts, environment={**ENVIRONMENT, "class_names": names})))
    assert text(browser, "fair").startswith("Hit harder than the others: class 3 “<b>gnu</b>” (−11.0 ± ")
    assert text(browser, "classes").count("“cat”") == 1
    assert "hits class 3 “<b>gnu</b>” hardest: −11.0" in browser.run("document.querySelector('main').textContent")
    assert browser.complaints == []


def test_each_layer_has_its_milliseconds_before_and_after(browser: Browser, write_run: WriteRun) -> None:
    browser.show_as(1280)
    run = write_run(profile=PROFILE)
    browser.open(write_report(run))
    chosen = Report.of(run).selected
    member = next(candidate for candidate in run.front if candidate.trial == chosen)
    latencies = run.front.baseline.metrics["latency_ms"].value, member.metrics["latency_ms"].value
    rows = "[...document.querySelectorAll('#layers tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"

    shown = {row[0]: row[-2:] for row in browser.run(rows)}
    assert shown == {
        "stem": ["0.400", "0.120"],
        "body": ["–", "–"],
        "head": ["1.40", "1.50"],
        "all else": ["0.300", "0.380"],
        "together": ["2.10", "2.00"],
        "measured": [
            f"{milliseconds:.3f}" if milliseconds < 1 else f"{milliseconds:.2f}" for milliseconds in latencies
        ],
    }
    assert "Noisy" not in text(browser, "layers-note")
    assert text(browser, "findings") == "0.300 ms: head has 5 output channels. Mend: round to a multiple of 8."
    browser.open(write_report(write_run("without")))
    assert browser.run("document.getElementById('findings-part').hidden")
    assert browser.complaints == []


def test_a_profile_that_was_measured_otherwise_is_called_noisy(browser: Browser, write_run: WriteRun) -> None:
    slow = replace(PROFILE, us=4000.0)
    browser.open(write_report(write_run(profile=slow)))
    assert "says 1.90x where 0.850x was measured, as it still holds what profiling takes" in text(
        browser, "layers-note"
    )
    browser.open(write_report(write_run("later", profile=replace(slow, profiling_us=(9.0, 8.0)))))
    assert "as something else slowed the device down" in text(browser, "layers-note")
    assert browser.complaints == []


def test_confidence_and_flipped_images_follow_what_is_chosen(browser: Browser, write_run: WriteRun) -> None:
    run = write_run(tested=True, classes=(ClassCount(0, 1000, 900, 20, 10), ClassCount(1, 1000, 900, 20, 10)))
    browser.open(write_report(run))

    assert text(browser, "fair-of-groups").startswith("Hit harder than the others: subgroup <i>night (−11.0 ± ")
    assert "over all images the change is −2.85 pt" in text(browser, "fair-of-groups")
    assert browser.run("document.querySelectorAll('#subgroups tbody tr').length") == 2
    assert text(browser, "sure").startswith("It is more wrong about its own certainty than the uncompressed model")
    cells = browser.run("[...document.querySelectorAll('#confidence tbody td')].map(cell => cell.textContent)")
    assert cells[:3] == ["expected calibration error, 15 bins", "3.0 ± 0.5 %", "5.0 ± 0.6 %"]
    assert text(browser, "leaning").startswith("It answers more by subgroup than the uncompressed model: ")
    cells = browser.run("[...document.querySelectorAll('#amplification tbody td')].map(cell => cell.textContent)")
    assert cells == ["bias amplification", "+1.0 ± 1.2 pt", "+5.0 ± 1.5 pt"]
    assert text(browser, "flips-note").startswith(
        "40 of 2000 test images (2.0 %) get another answer. Here are 2 of them"
    )
    shown = browser.run("[...document.querySelectorAll('#flips li')].map(one => one.textContent)")
    assert shown == ["lost: image 17, class 3: 3 → 5", "gained: image 1800, class 4: 9 → 4"]
    assert browser.run("document.querySelector('#flips img').naturalWidth") == 32
    browser.run("document.querySelector('#plot circle.cloud').dispatchEvent(new MouseEvent('click'))")
    assert browser.run("document.getElementById('fairness').hidden")
    assert (browser.complaints, [u for u in browser.requests if not u.startswith("data:")]) == (
        [],
        browser.requests[:1],
    )


def test_a_live_page_shows_a_new_trial_and_keeps_what_was_chosen(browser: Browser, write_run: WriteRun) -> None:
    run = write_run(finished=False)
    with LivePage() as live:
        live.show(Report.of(run))
        browser.open_url(live.url)
        browser.run("[...document.querySelectorAll('#members button')].at(-1).click()")
        set_to(browser, "x-axis", "size_bytes")
        before, mark = chosen(browser), "document.getElementById('main').dataset.mark"
        browser.run(f"{mark} = 'the same page'")
        made = measured(Policy({"quantize/stem": 8, "quantize/head": 8}), 9)
        run.write_record(TrialRecord(9, made.policy, Outcome.COMPLETE, made, seconds=1.25))
        live.show(Report.of(Run.open(run.path)))

        trial = "document.querySelector('#about').textContent.includes('8 complete')"
        browser.run(f"new Promise(done => setInterval(() => {{ if ({trial}) done(); }}, 50))")
        assert browser.run(mark) == "the same page", "it was not loaded anew"
        assert chosen(browser) == before
        assert browser.run("document.getElementById('x-axis').value") == "size_bytes"
        assert text(browser, "members").count("9") > 0
        assert {urlsplit(address).netloc for address in browser.requests} == {urlsplit(live.url).netloc}
        assert browser.complaints == []
    browser.run("new Promise(done => setTimeout(done, 4000))")
    assert text(browser, "live").startswith("No longer updated")


def test_sensitivity_is_a_map_of_places_and_choices(browser: Browser, write_run: WriteRun) -> None:
    run = write_run()
    for choice, value in ((0.25, 0.001), (0.5, 0.2)):
        ProbeStore(run.path).add_divergence(Policy({"prune_channels/body": choice}), value, 1.0)
    browser.open(write_report(run))

    cells = browser.run("[...document.querySelectorAll('#sensitivity td')].map(cell => cell.textContent)")
    assert cells == ["body", "0.0010", "0.20"]
    assert "in nats" in text(browser, "sensitivity-note")
    assert browser.complaints == []


def test_what_loses_more_than_said_is_left_out_of_the_picture(browser: Browser, opened: Run) -> None:
    labels = "[...document.querySelectorAll('#plot [role=radio]')].map(one => one.getAttribute('aria-label'))"
    run = opened
    lossy = min(run.front, key=lambda member: member.metrics["test_accuracy_change"].value)
    metrics = {**lossy.metrics, "test_accuracy": Measurement.around(0.8, 0.79, 0.81, 2000, "fraction")}
    run.write_finalised(replace(lossy, metrics=metrics), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))
    assert any(f"trial {lossy.trial}," in one for one in browser.run(labels))
    assert browser.run("document.getElementById('near').textContent") == "what loses 5 pt at most"

    set_to(browser, "zoom", "near")

    assert not any(f"trial {lossy.trial}," in one for one in browser.run(labels))
    assert "1 member with more loss" in text(browser, "plot-note")


def test_a_table_that_is_too_wide_says_so_and_keeps_its_first_column(browser: Browser, opened: Run) -> None:
    wide = "document.getElementById('members').parentElement"
    browser.show_as(390)
    assert browser.run(f"{wide}.classList.contains('scrolls')")
    first = "document.querySelector('#members tbody td').getBoundingClientRect().left"
    before = browser.run(first)

    browser.run(f"{wide}.scrollLeft = 200")

    assert browser.run(first) == before
    assert "scroll sideways" in browser.run(f"getComputedStyle({wide}, '::before').content")


def test_the_row_that_is_chosen_is_told_beside_the_table(browser: Browser, opened: Run) -> None:
    browser.run("[...document.querySelectorAll('#members button')].at(-1).click()")

    assert text(browser, "picked") == f"Chosen: trial {chosen(browser)} (the verdict; its layers)"
    targets = browser.run("[...document.querySelectorAll('#picked a')].map(one => one.getAttribute('href'))")
    assert all(browser.run(f"document.querySelector('{target}') !== null") for target in targets)


def test_a_change_has_the_decimals_that_its_interval_needs(browser: Browser, write_run: WriteRun) -> None:
    run = write_run(tested=True)
    member = run.front.select()
    change = Measurement(-0.0002, -0.00075, 0.00035, 10000, "fraction")
    run.write_finalised(replace(member, metrics={**member.metrics, "test_accuracy_change": change}), 0.5)
    browser.open(write_report(Run.open(run.name, run.path.parent)))
    browser.run(f"document.querySelector('#members [aria-label=\"choose trial {member.trial}\"]').click()")

    assert "−0.02 ± 0.06 pt" in text(browser, "sentence")


def test_an_empty_front_is_no_error(browser: Browser, write_run: WriteRun) -> None:
    browser.open(write_report(write_run(policies=[], finished=False)))

    assert browser.complaints == []
    assert text(browser, "sentence") == "Ship the uncompressed model: the front is empty."


def test_several_fronts_are_in_one_picture(browser: Browser, write_run: WriteRun, tmp_path: Path) -> None:
    arm = {**ENVIRONMENT, "device": {"cpu": "<b>Cortex", "onnxruntime": "1.32.0"}}
    comparison = Comparison.of([write_run("few", POLICIES[1:4]), write_run("<img src=x>", environment=arm)])
    browser.show_as(1280)
    browser.open(write_comparison(comparison, tmp_path / "both.html"))

    assert (browser.complaints, len(browser.requests)) == ([], 1)
    assert text(browser, "legend") == "few<img src=x>"
    for index, run in enumerate(comparison.runs):
        marks = browser.run(f"document.querySelectorAll('#plot path.run-{index}:not(.bar):not(.joined)').length")
        assert marks == len(run.front)
    assert text(browser, "places").startswith("deviceonnxruntimeSome CPU, 1 thread")
    assert "<b>Cortex, 1 thread" in text(browser, "places")
    set_to(browser, "x-axis", "size_bytes")
    assert "size" in browser.run("[...document.querySelectorAll('#plot text')].map(t => t.textContent)")
    assert browser.complaints == []


@pytest.mark.skipif(importlib.util.find_spec("axe_core_python") is None, reason="needs axe-core-python")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_bars_who_sees_or_points_otherwise(
    browser: Browser, write_run: WriteRun, width: int, dark: bool
) -> None:
    spec = importlib.util.find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    browser.show_as(width, dark=dark)
    counts = (ClassCount(0, 1000, 900, 20, 10), ClassCount(1, 1000, 900, 60, 10))
    browser.open(write_report(write_run("all", profile=PROFILE, tested=True, classes=counts)))
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    browser.run(f"{(Path(spec.origin).parent / 'axe.min.js').read_text()};0")

    found = browser.run("axe.run().then(found => found.violations.map(one => [one.impact, one.id, one.nodes[0].html]))")

    assert [one for one in found if one[0] in ("serious", "critical")] == [], json.dumps(found)
