"""The notebook runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..installed import ROOT

NOTEBOOK = ROOT / "examples" / "notebook" / "tiny_network.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Its cells of code, executed in a process of their own."""
    nbformat = pytest.importorskip("nbformat", reason="needs parefront[docs]")
    nbclient = pytest.importorskip("nbclient", reason="needs parefront[docs]")
    for package in ("ipykernel", "pandas", "plotly"):
        pytest.importorskip(package, reason="needs parefront[docs,notebook]")
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, 4)
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    assert (folder / "small.onnx").is_file()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cells: list[Any]) -> str:
    return "".join(
        output.get("text", "") for cell in cells for output in cell.outputs if output.get("name") == "stdout"
    )


def test_it_shows_the_front_as_a_table_and_as_plots(executed: list[Any]) -> None:
    kinds = {kind for cell in executed for output in cell.outputs for kind in output.get("data", {})}
    assert {"text/html", "application/vnd.plotly.v1+json", "image/svg+xml"} <= kinds


def test_the_module_and_the_file_are_as_good_as_each_other(executed: list[Any]) -> None:
    found = [line.split()[-1] for line in printed(executed).splitlines() if line.startswith("test accuracy")]
    of_module, of_file = (float(value.rstrip("%")) for value in found[1:])
    assert len(found) == 3
    assert of_file == pytest.approx(of_module, abs=0.5)


def test_what_it_was_saved_with_leaves_out_this_machine() -> None:
    text = Path(NOTEBOOK).read_text()
    assert '"stderr"' not in text
    assert "/tmp/" not in text
