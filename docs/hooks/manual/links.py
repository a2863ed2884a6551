"""Where a link of a page leads in the site: pages of ``docs/`` stay where they are, files beside it become pages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

DOCS, BESIDE = "docs", "repository"
"""The folder of pages that are written by hand, and where in the site files of the repository beside it are."""

NOTEBOOK = "examples/notebook/tiny_network.ipynb"
"""What ``notebook.md`` is made from."""

_FENCED = re.compile(r"(^ *```.*?^ *```[ \t]*$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def links_of(markdown: str) -> Iterator[str]:
    """The relative paths that a page links to; not those inside of code."""
    for text in _FENCED.split(markdown)[::2]:
        yield from (found["path"] for found in _LINK.finditer(text))


def relinked(markdown: str, uri: str, root: Path) -> str:
    """A page with every link that leaves ``docs/``, or stands in a file beside it, led to the site's page of it.

    Args:
        markdown: the page.
        uri: its place in the site.
        root: folder of the repository.
    """
    here = in_repository(uri, root)

    def led(found: re.Match[str]) -> str:
        target = in_site(posixpath.normpath(posixpath.join(posixpath.dirname(here), found["path"])), root)
        return posixpath.relpath(target, posixpath.dirname(uri) or ".") + (found["anchor"] or "")

    parts = _FENCED.split(markdown)
    parts[::2] = [_LINK.sub(led, text) for text in parts[::2]]
    return "".join(parts)


def in_repository(uri: str, root: Path) -> str:
    """Which file of the repository a page of the site is."""
    if not uri.startswith(f"{BESIDE}/"):
        return f"{DOCS}/{uri}"
    path = uri.removeprefix(f"{BESIDE}/")
    return path if (root / path).exists() or path.endswith("/index.md") else path.removesuffix(".md")


def in_site(path: str, root: Path) -> str:
    """Where the site has a file or a folder of the repository.

    A page of ``docs/`` is where it was, the notebook has a page of its own, Markdown and pictures beside it keep their
    names; any other file is a page that shows it, and so is a folder.
    """
    if path == NOTEBOOK:
        return "notebook.md"
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    if (root / path).is_dir():
        return f"{BESIDE}/{path}/index.md"
    if path.endswith("/README.md"):
        return f"{BESIDE}/{posixpath.dirname(path)}/index.md"
    return f"{BESIDE}/{path}" + ("" if path.endswith((".md", ".png", ".svg")) else ".md")
