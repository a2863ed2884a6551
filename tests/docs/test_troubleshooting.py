"""Messages that the page of troubleshooting explains are those that the program gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from ..installed import FOLDERS, ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
MESSAGES = re.findall(r"^- `(?P<message>.+)`$", PAGE, re.MULTILINE)
VARIABLE = "…"
"""What stands in a message for a name or a number."""


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Every text of a source, with ``…`` for what is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else VARIABLE for part in node.values)


@pytest.fixture(scope="module")
def told() -> str:
    files = [file for folder in (*FOLDERS, "src/parefront") for file in sorted((ROOT / folder).rglob("*.py"))]
    return "\n".join(text for file in files for text in texts_of(ast.parse(file.read_text())))


def test_the_page_has_messages() -> None:
    assert len(MESSAGES) > 50


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_of_the_programs(message: str, told: str) -> None:
    pieces = [piece.strip(" :;,") for piece in message.split(VARIABLE)]
    longest = max(pieces, key=len)
    assert longest in told, longest
    for piece in pieces:
        assert len(piece) < 12 or piece in told, piece
