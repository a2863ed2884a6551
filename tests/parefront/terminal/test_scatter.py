"""The scatter plot: marks stand where their values say, and the axes are round."""

from __future__ import annotations

import pytest

from parefront.terminal.scatter import Axis, Series, scatter

PLAIN = Axis("", lambda value: f"{value:g}")


def rows(plot: str, height: int) -> list[str]:
    """The plot's own rows, without labels and axis."""
    return [line[line.index(next(c for c in line if c in "│┤")) + 1 :] for line in plot.splitlines()[1 : height + 1]]


def test_marks_stand_where_their_values_say() -> None:
    series = [Series("a", ("●", "o"), "", [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])]
    drawn = rows(scatter(series, PLAIN, PLAIN, width=60, height=11).plain, 11)

    cells = [(row, line.index("●")) for row, line in enumerate(drawn) if "●" in line]
    assert [row for row, _ in cells] == [0, 5, 10]
    (_, right), (_, middle), (_, left) = cells
    assert left < 4
    assert right > len(drawn[0]) - 5
    assert abs(middle - (left + right) / 2) <= 1


def test_ticks_are_round_and_inside() -> None:
    series = [Series("a", ("●", "o"), "", [(0.13, 0.43), (0.97, 0.93)])]
    plot = scatter(series, Axis("x", lambda v: f"{v:.2f}x"), Axis("y", lambda v: f"{100 * v:.0f}%"), width=80).plain
    below = plot.splitlines()[17]

    assert below.split() == ["0.20x", "0.40x", "0.60x", "0.80x"]
    assert [line.split()[0] for line in plot.splitlines()[1:16] if "┤" in line] == ["90%", "80%", "70%", "60%", "50%"]


def test_later_series_and_lines_share_the_cells() -> None:
    series = [Series("under", ("·", "."), "", [(1.0, 1.0)]), Series("over", ("◆", "#"), "", [(1.0, 1.0), (2.0, 2.0)])]
    plot = scatter(series, Axis("", str, (1.0,)), PLAIN, width=40, height=6).plain

    assert plot.count("◆") == 2 + 1
    assert plot.count("·") == 1
    assert plot.count("┊") == 5 + 1


@pytest.mark.parametrize("points", [[], [(1.0, 1.0)], [(0.0, 0.0)], [(float("nan"), 1.0), (1.0, 2.0)]])
def test_few_points_or_none_still_make_a_plot(points: list[tuple[float, float]]) -> None:
    plot = scatter([Series("a", ("●", "o"), "", points)], PLAIN, PLAIN, width=40, height=5).plain

    assert len(plot.splitlines()) >= 8


def test_no_line_is_wider_than_asked() -> None:
    points = [(x / 7, x * 1000.0) for x in range(8)]
    for width in (30, 80, 120):
        plot = scatter([Series("a", ("●", "o"), "", points)], PLAIN, PLAIN, width=width).plain
        assert max(map(len, plot.splitlines())) <= width


def test_a_line_far_beyond_all_points_does_not_squeeze_them() -> None:
    series = [Series("a", ("●", "o"), "", [(0.99, 0.0), (1.0, 1.0)])]
    near, far = (scatter(series, Axis("", str, (line,)), PLAIN, width=60, height=5).plain for line in (1.5, 600.0))

    assert "┊" in near  # however alike the points are
    assert far == scatter(series, Axis("", str), PLAIN, width=60, height=5).plain
