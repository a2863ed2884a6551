"""A front as a plotly figure: the first two objectives with their intervals, what was done under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..candidate import Candidate
from ..metric import Metric
from .optional import imported
from .policy_words import candidate_in_words
from .written import worded

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def front_figure(baseline: Candidate, members: Sequence[Candidate], objectives: Sequence[Metric]) -> Figure:
    """The first objective over the second one, the members joined by a line, the uncompressed model beside them.

    Bars are 95 % intervals.

    Raises:
        ImportError: where plotly is not installed.
    """
    plotly = imported("plotly.graph_objects", "front.plot()")
    vertical, horizontal = objectives[:2]
    figure: Figure = plotly.Figure()
    for name, shown, style in (
        ("front", list(members), {"mode": "lines+markers", "line": {"shape": _steps(horizontal)}}),
        ("uncompressed", [baseline], {"mode": "markers", "marker": {"symbol": "diamond", "size": 11}}),
    ):
        known = [c for c in shown if vertical.key in c.metrics and horizontal.key in c.metrics]
        known.sort(key=lambda c: c.metrics[horizontal.key].value)
        figure.add_trace(
            plotly.Scatter(
                name=name,
                x=[c.metrics[horizontal.key].value for c in known],
                y=[c.metrics[vertical.key].value for c in known],
                error_x=_bars(known, horizontal),
                error_y=_bars(known, vertical),
                text=[_hover(c, objectives) for c in known],
                hovertemplate="%{text}<extra></extra>",
                **style,
            )
        )
    figure.update_layout(
        xaxis_title=_title(horizontal),
        yaxis_title=_title(vertical),
        template="plotly_white",
        legend={"orientation": "h", "y": 1.08},
        margin={"t": 40, "r": 20},
    )
    for metric, update in ((horizontal, figure.update_xaxes), (vertical, figure.update_yaxes)):
        if metric.is_fraction:
            update(tickformat=".1%")
    return figure


def _steps(horizontal: Metric) -> str:
    """How plotly joins two members, from left to right: what the better one of a cost gives holds up to the next."""
    return "vh" if horizontal.higher_is_better else "hv"


def _bars(candidates: Sequence[Candidate], metric: Metric) -> dict[str, Any]:
    measured = [candidate.metrics[metric.key] for candidate in candidates]
    return {
        "type": "data",
        "symmetric": False,
        "array": [m.high - m.value for m in measured],
        "arrayminus": [m.value - m.low for m in measured],
        "thickness": 1,
    }


def _hover(candidate: Candidate, objectives: Sequence[Metric]) -> str:
    shown = [f"{m.name} {worded(candidate.metrics[m.key])}" for m in objectives if m.key in candidate.metrics]
    return "<br>".join([candidate.label, *shown, candidate_in_words(candidate)])


def _title(metric: Metric) -> str:
    return f"{metric.name}, x of the uncompressed model" if metric.unit == "x" else metric.worded
