"""The latency of a file as a table, with what else a user pays for and what is to be known of the reading."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from ..evaluators.device.latency import Latency
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.views.units import count, milliseconds, plural, size
from ..terminal.tables import NOISY_MEANS


def latency_table(model: Path, against: Path, latency: Latency) -> Table:
    """Both models and their ratio, with intervals."""
    table = Table.grid(padding=(0, 3))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    by_name = model.name != against.name
    table.add_row(model.name if by_name else str(model), *_cells(latency.latency_ms, "ms"))
    other = "itself" if against == model else against.name if by_name else str(against)
    table.add_row(f"against {other}", *_cells(latency.reference_ms, "ms"))
    table.add_row(Text("ratio", style="bold"), *_cells(latency.ratio, "x"))
    return table


def beside(latency: Latency, batch: int, memory: Measurement) -> Text:
    """What else a user has to pay for: loading, memory, energy; and how much comes through."""
    energy = "unknown" if latency.energy_mj is None else f"{latency.energy_mj.value:.3g} mJ a run"
    return Text(
        f"{count(1000 * batch / latency.latency_ms.value)} inputs/s at batch {batch}, loads in "
        f"{milliseconds(1000 * latency.session_seconds)} ms, peak memory {size(memory.value)}, energy {energy}"
    )


def remarks(latency: Latency, where: str) -> Text:
    """What stands below the table: single runs, what was dropped, the device."""
    quantiles = {"p50": latency.p50_ms, "p90": latency.p90_ms, "p99": latency.p99_ms}
    spread = ", ".join(f"{name} {milliseconds(value)}" for name, value in quantiles.items())
    runs = f"{plural(latency.runs, 'run')}, {spread} ms of {latency.clock} time; {latency.dropped} preempted dropped"
    text = Text(f"{runs}\n{where}", style="dim")
    if not latency.noisy:
        return text
    return Text.assemble((f"{NOISY_MEANS} ({'; '.join(latency.why_noisy)})\n", "yellow"), text)


def _cells(measurement: Measurement, unit: str) -> tuple[str, str]:
    digits = 3 if unit == "x" or measurement.value < 10 else 2
    interval = f"[{measurement.low:.{digits}f}, {measurement.high:.{digits}f}]"
    return f"{measurement.value:.{digits}f} {unit}" if unit != "x" else f"{measurement.value:.{digits}f}x", interval
