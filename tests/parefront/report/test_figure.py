"""The front as SVG: every member and landmark is where its numbers say, names are text."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageOps

from parefront.evaluators.results.measurement import Measurement
from parefront.report.document import Report
from parefront.report.figure import CHOSEN, CLOUD, FRONT, HEIGHT, KNOWN, WIDTH, figure_of, write_figure
from parefront.report.labels import Labels
from parefront.report.png import png_of
from parefront.report.scale import Scale, tick_text
from parefront.report.shapes import Area, Dot, Drawing, Label
from parefront.report.svg import svg_of
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError

from .conftest import WriteRun, place_beside

SVG = "{http://www.w3.org/2000/svg}"


def drawn(run: Run) -> ElementTree.Element:
    return ElementTree.fromstring(svg_of(figure_of(run.front, Report.of(run))))


def test_there_is_a_dot_for_every_member_and_every_other_trial_in_the_range(write_run: WriteRun) -> None:
    run = write_run()
    dots = drawn(run).findall(f"{SVG}circle")
    colours = [dot.get("fill") for dot in dots]

    assert colours.count(FRONT) + colours.count(CHOSEN) == len(run.front)
    assert colours.count(CHOSEN) == 1
    others = sum(record.candidate is not None for record in run.trials) - len(run.front)
    assert 0 < colours.count(CLOUD) <= others


def test_dots_are_in_the_order_of_their_numbers(write_run: WriteRun) -> None:
    run = write_run()
    dots = [dot for dot in drawn(run).findall(f"{SVG}circle") if dot.get("fill") in (FRONT, CHOSEN)]
    members = sorted(run.front, key=lambda candidate: candidate.metrics["latency_ratio"].value)

    across = [float(dot.get("cx", "nan")) for dot in dots]
    down = [float(dot.get("cy", "nan")) for dot in dots]
    assert across == sorted(across)
    best_first = sorted(range(len(members)), key=lambda index: -members[index].metrics["accuracy"].value)
    assert best_first == sorted(range(len(down)), key=lambda index: down[index])


def test_landmarks_and_budgets_are_named(write_run: WriteRun) -> None:
    figure = drawn(write_run(budget=["latency <= 0.6x"]))
    texts = {element.text for element in figure.iter(f"{SVG}text")}

    assert {"uncompressed", "plain int8", "accuracy, search split", "latency, x of uncompressed"} <= texts
    assert [element.text for element in figure.iter(f"{SVG}title")][1] == "latency <= 0.6x"
    assert KNOWN in ElementTree.tostring(figure, encoding="unicode")


def test_a_hostile_name_is_text(write_run: WriteRun) -> None:
    figure = drawn(write_run("<script>alert(1)<!--"))

    assert figure.find(f".//{SVG}script") is None
    title = figure.find(f"{SVG}title")
    assert title is not None
    assert (title.text or "").endswith("of the run <script>alert(1)<!--")


def test_a_network_of_the_users_own_is_a_diamond_with_as_much_of_its_name_as_fits(write_run: WriteRun) -> None:
    run = write_run()
    before = [shape for shape in figure_of(run.front, Report.of(run)).shapes if isinstance(shape, Area)]
    place_beside(run, "uniform: <b>" + 40 * "x", 0.9, 0.5)
    after = [shape for shape in figure_of(run.front, Report.of(run)).shapes if isinstance(shape, Area)]

    assert len(after) == len(before) + 1
    texts = {element.text for element in drawn(run).iter(f"{SVG}text")}
    assert f"uniform: <b>{11 * 'x'}…" in texts


def test_the_png_shows_what_the_svg_does(write_run: WriteRun, tmp_path: Path) -> None:
    run = write_run(budget=["latency <= 0.6x"])
    with Image.open(write_figure(run, tmp_path / "front.png")) as image:
        assert image.size == (3 * WIDTH, 3 * HEIGHT)
        assert image.info["dpi"] == pytest.approx((288, 288), abs=0.1)
        pixels = image.convert("RGB")
    figure = figure_of(run.front, Report.of(run))
    members = [shape for shape in figure.shapes if isinstance(shape, Dot) and shape.colour in (FRONT, CHOSEN)]
    assert len(members) == len(run.front)
    for dot in members:
        seen = pixels.getpixel((round(3 * dot.centre[0]), round(3 * dot.centre[1])))
        assert seen == tuple(int(dot.colour[at : at + 2], 16) for at in (1, 3, 5))


def test_the_chosen_one_lies_upon_its_landmark_which_is_larger(write_run: WriteRun) -> None:
    run = write_run(budget=["accuracy >= -0.5pt", "latency <= 0.6x"])
    report = Report.of(run)
    figure = figure_of(run.front, report)
    known = {mark.candidate.trial: mark.name for mark in report.known}
    chosen = next(shape for shape in figure.shapes if isinstance(shape, Dot) and shape.colour == CHOSEN)
    diamond = next(s for s in figure.shapes if isinstance(s, Area) and s.corners[0][0] == chosen.centre[0])

    assert known[report.selected] == "plain int8"
    assert figure.shapes.index(diamond) < figure.shapes.index(chosen)
    assert diamond.corners[1][0] - chosen.centre[0] > 1.5 * chosen.radius


def test_intervals_are_whole_but_for_what_would_squeeze_all_others() -> None:
    usual = [Measurement(value, value - 0.01, value + 0.01, 9, "fraction") for value in (0.8, 0.9)]
    noisy = Measurement(0.85, 0.1, 0.9, 9, "fraction")
    around = Scale.around(usual, 0, 100)
    assert around.holds(0.79)
    assert around.holds(0.91)
    squeezed = Scale.around([*usual, noisy], 0, 100)
    assert not squeezed.holds(0.1)
    assert squeezed.low == pytest.approx(0.75 - 0.06 * 0.16)


def test_names_of_neighbours_do_not_hide_each_other() -> None:
    labels = Labels((0, 0, 300, 200))
    for x in (100.0, 104.0):
        labels.mark(x, 100, 6)
    one, other = (labels.beside(x, 100, 6, "plain int8") for x in (100.0, 104.0))
    assert one.anchor != other.anchor or abs(one.at[1] - other.at[1]) >= 12
    edge = labels.beside(290, 50, 6, "uncompressed")
    assert edge.anchor == "end"


@pytest.mark.parametrize(
    "label", [Label((50, 40), "middle", "middle"), Label((90, 40), "end", "end"), Label((14, 50), "up", turned=True)]
)
def test_texts_of_the_png_are_where_they_belong(label: Label) -> None:
    with Image.open(io.BytesIO(png_of(Drawing(100, 60, "#000000", "texts", [label])))) as image:
        box = ImageOps.invert(image.convert("L")).getbbox()
    assert box is not None
    left, _, right, bottom = (edge / 3 for edge in box)
    if label.turned:
        assert 2 < left < right < 18
        assert bottom == pytest.approx(50, abs=1.5)
        return
    assert (right if label.anchor == "end" else (left + right) / 2) == pytest.approx(label.at[0], abs=1.5)
    assert bottom == pytest.approx(40, abs=1.5)


def test_no_other_kind_of_file_is_written(write_run: WriteRun, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--figure: expected a file that ends in \.svg or \.png, got .*front\.pdf"):
        write_figure(write_run(), tmp_path / "front.pdf")


def test_round_numbers_are_inside_of_the_range_and_told_apart() -> None:
    scale = Scale.of([0.41, 0.93], 0, 100)
    ticks = scale.ticks(6)

    assert ticks == pytest.approx([0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert [tick_text(value, scale.step(6), "fraction") for value in ticks][:2] == ["40 %", "50 %"]
    assert tick_text(0.125, 0.005, "x") == "0.125x"
    assert tick_text(2.5e6, 5e5, "bytes") == "2.50 MB"
    assert tick_text(4e7, 1e7, "MACs") == "40.0M"
    assert scale.holds(scale.inside(7.0))
