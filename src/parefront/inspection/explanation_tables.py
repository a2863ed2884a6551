"""Why a file is, or is not, faster, as a line, a table of layers and a list of findings."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from ..evaluators.explain.explain import Explanation, LayerTimes
from ..evaluators.results.views.units import plural, ratio
from ..terminal.columns import MISSING
from ..terminal.tables import NOISY_MEANS

PROFILE_DISAGREES = "noisy: the profile does not agree with what was measured, so believe its order, not its times"
ROWS = 12
FINDINGS = 8


def summary(found: Explanation) -> Text:
    """Both times and their ratio as measured, and as in the profile."""
    latency, (own, other) = found.latency, found.profile_us
    noisy = f" ({'; '.join((NOISY_MEANS, *latency.why_noisy))})" if latency.noisy else ""
    times = f"{latency.latency_ms.value:.3f} ms against {latency.reference_ms.value:.3f} ms"
    profiled = f"in the profile {ratio(own / other)} {own / 1000:.3f} ms against {other / 1000:.3f} ms"
    doubt = "" if found.agrees else f" ({PROFILE_DISAGREES})"
    return Text.assemble((f"{ratio(latency.ratio.value)} ", "bold"), f"{times}{noisy}; {profiled}{doubt}")


def layers_table(found: Explanation) -> Table:
    """The layers with the greatest differences, in the order in which they run."""
    greatest = sorted(found.layers, key=lambda layer: -abs(layer.saved_us))[:ROWS]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("layer", overflow="fold")
    for heading in ("µs", "against", "saved"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("run as", overflow="fold")
    for layer in found.layers:
        if layer in greatest:
            table.add_row(*_row(layer), style="" if layer.saved_us >= 0 else "yellow")
    rest = [layer for layer in found.layers if layer not in greatest]
    if rest:
        saved = sum(layer.saved_us for layer in rest)
        table.add_row(f"{plural(len(rest), 'other')}", "", "", f"{saved:.0f}", "", style="dim")
    return table


def _row(layer: LayerTimes) -> list[str]:
    cells = [MISSING if us is None else f"{us:.0f}" for us in (layer.us, layer.reference_us)]
    return [layer.name, *cells, f"{layer.saved_us:.0f}", " + ".join(dict.fromkeys(layer.operators))]


def findings_text(found: Explanation) -> Text:
    """What costs time and what would mend it, the dearest first."""
    if not found.findings:
        return Text("nothing in it runs worse than it should")
    lines = [
        Text.assemble((f"{finding.us:6.0f} µs  ", "bold"), finding.text, (f"; {finding.mend}", "dim"))
        for finding in found.findings[:FINDINGS]
    ]
    more = len(found.findings) - FINDINGS
    if more > 0:
        rest = sum(finding.us for finding in found.findings[FINDINGS:])
        lines.append(Text(f"{rest:6.0f} µs  in {plural(more, 'smaller finding')}", style="dim"))
    return Text("\n").join(lines)
