"""One HTML file of a template, a style, scripts and the data that they show; it loads nothing and runs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def assembled(
    template: str, scripts: Sequence[str], data: Mapping[str, Any], title: str, plain: str, polls: bool = False
) -> str:
    """The page as HTML.

    Nothing of the data becomes markup: it stands in the page as JSON, in which ``<`` is escaped, and is shown as text.
    The page's policy lets it load nothing at all, and run no script but its own.

    Args:
        template: a file of this room, what is in the body beside data and scripts.
        scripts: files of this room, in the order in which they are put together.
        data: plain values.
        title: as text.
        plain: HTML, for readers without scripts.
        polls: whether it may ask where it comes from for newer data.
    """
    together = "\n".join(map(_file, scripts))
    script = f'(() => {{\n"use strict";\n{together}}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = ["default-src 'none'", f"script-src 'sha256-{digest}'", "style-src 'unsafe-inline'", "img-src data:"]
    parts = {
        "policy": "; ".join([*allowed, "base-uri 'none'", *(["connect-src 'self'"] if polls else [])]),
        "title": escape(f"{title} – Parefront"),
        "name": escape(title),
        "style": _file("page.css"),
        "plain": plain,
        "data": _embedded(data),
        "script": script,
    }
    whole = _file("shell.html").replace("{{body}}", _file(template))
    return _PLACE.sub(lambda place: parts[place[1]], whole)


def _embedded(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside of a ``script``: no character in it can end that, or begin a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
