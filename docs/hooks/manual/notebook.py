"""A notebook as a page: its text, its code, and the outputs that it was saved with."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .links import NOTEBOOK

HEAD = """
The notebook is executed whenever the tests are; outputs here are those that it was saved with. It is
`{notebook}` in the repository.
"""


def notebook_page(root: Path) -> str:
    """The page of the notebook, in Markdown.

    Args:
        root: folder of the repository.
    """
    first, *cells = json.loads((root / NOTEBOOK).read_text())["cells"]
    return (
        "\n\n".join(
            [_text(first["source"]), HEAD.format(notebook=NOTEBOOK), *(part for cell in cells for part in _cell(cell))]
        )
        + "\n"
    )


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = _text(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        yield _output(output)


def _output(output: dict[str, Any]) -> str:
    """A picture, a table or text: the first of them that there is."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        encoded = base64.b64encode(_text(data["image/svg+xml"]).encode()).decode()
        return f'<img alt="what the cell draws" class="output" src="data:image/svg+xml;base64,{encoded}">'
    if "text/html" in data:
        return f'<div class="output">{" ".join(_text(data["text/html"]).split())}</div>'
    return f"```text\n{_text(output.get('text') or data['text/plain']).rstrip()}\n```"


def _text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
