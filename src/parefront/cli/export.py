"""``parefront export``: one candidate's artefact out of a run, in the form that somebody else can load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.refuted import contradiction
from ..search.runs.of_trial import candidate_of_trial
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS
from ..terminal.tables import describe
from .starting import starting

ONNX = "onnx"
FORMATS = (ONNX, "openvino", "ncnn", "tflite")


@dataclass(frozen=True)
class Form:
    """What is written of the file that was measured.

    Attributes:
        plain: whether its weights are plain arrays.
        opset: the version of ONNX's operators; None for its own.
        format: a key of :data:`FORMATS`.
    """

    plain: bool = False
    opset: int | None = None
    format: str = ONNX

    @property
    def is_as_measured(self) -> bool:
        return self == Form()


def export_model(
    name: str,
    output: Path,
    where: tuple[str, ...],
    trial: int | None,
    by: str | None,
    root: Path = Path(RUNS),
    form: Form = Form(),
) -> None:
    """Write a candidate's artefact out of a run."""
    run = Run.open(name, root)
    candidate = run.front.select(*where, by=by) if trial is None else candidate_of_trial(run, trial)
    path = _written(candidate, output, form)
    console = Console(highlight=False)
    console.print(Text(f"{candidate.label}: {describe(candidate, run.settings.quality)}"))
    if trial is None and (against := contradiction(run.front, *where, by=by)):
        console.print(Text(against, style="yellow"), soft_wrap=True)
    if not form.is_as_measured:
        console.print(Text("checked: its outputs are those of the file that was measured, whose figures these are"))
    console.print(Text(f"written: {path}, {path.with_suffix('.yaml')}"), soft_wrap=True)


def _written(candidate: Candidate, output: Path, form: Form) -> Path:
    if form.is_as_measured:
        return candidate.export(output)
    with starting():
        from ..inspection.exporting import export_ncnn, export_onnx, export_openvino, export_tflite
    if form.format == ONNX:
        return export_onnx(candidate, output, form.plain, form.opset)
    writers = {"openvino": export_openvino, "ncnn": export_ncnn, "tflite": export_tflite}
    return writers[form.format](candidate, output)
