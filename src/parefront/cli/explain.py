"""``parefront explain``: why an ONNX file is, or is not, faster than the one that it was made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..inspection.artifact import check_model
from ..inspection.explaining import explanation_report
from .measure import read_device, read_shapes


def show_explanation(model: Path, against: Path, device: Sequence[str], shapes: Sequence[str], as_json: bool) -> None:
    """Profile, and print what was found, or JSON."""
    for path in (model, against):
        check_model(path)
    found = explanation_report(model, against, read_device(device), read_shapes(shapes))
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
        return
    console = Console(highlight=False)
    for part in found.parts():
        console.print(part)
