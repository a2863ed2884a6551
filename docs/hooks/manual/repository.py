"""Pages of those files of the repository beside ``docs/`` that pages link to: results, examples, sources."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from .links import BESIDE, in_repository, in_site, links_of

ALWAYS = ("benchmarks/RESULTS.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""What the navigation names."""

LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".sh": "sh", "": "text"}
SHOWN = (".py", ".yaml", ".toml", ".sh")
"""Which files of a folder its page shows."""


_MARK = re.compile(r"^<!-- shown: (\S+) -->$", re.MULTILINE)


def with_sources(markdown: str, root: Path) -> str:
    """A page with the files that it marks by ``<!-- shown: PATH -->`` in their places.

    Raises:
        FileNotFoundError: where there is no such file.
    """
    return _MARK.sub(lambda mark: _shown(root / mark[1]), markdown)


def neighbours(root: Path) -> dict[str, str | bytes]:
    """Every page and picture that has to be beside the pages of ``docs/``, by its place in the site.

    Raises:
        FileNotFoundError: where a page links to what the repository does not have.
    """
    found: dict[str, str | bytes] = {}
    waiting = [*ALWAYS, *(path for page in sorted((root / "docs").rglob("*.md")) for path in _linked(page, root))]
    while waiting:
        path = waiting.pop()
        uri = in_site(path, root)
        if uri in found or not uri.startswith(f"{BESIDE}/"):
            continue
        found[uri] = _page(root / path, path)
        text = found[uri]
        if isinstance(text, str):
            waiting += _targets(text, in_repository(uri, root))
    return found


def _linked(page: Path, root: Path) -> list[str]:
    return _targets(page.read_text(), page.relative_to(root).as_posix())


def _targets(text: str, path: str) -> list[str]:
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for link in links_of(text)]


def _page(file: Path, path: str) -> str | bytes:
    if file.is_dir():
        return _folder(file, path)
    if file.name == "README.md":
        return _folder(file.parent, posixpath.dirname(path))
    if file.suffix in (".png", ".svg"):
        return file.read_bytes()
    return file.read_text() if file.suffix == ".md" else f"# {path}\n\n{_shown(file)}"


def _folder(folder: Path, path: str) -> str:
    """What its README says, and its sources."""
    readme = folder / "README.md"
    text = readme.read_text() if readme.exists() else f"# {path}\n"
    sources = sorted(file for file in folder.iterdir() if file.suffix in SHOWN)
    return "\n".join([text, *(f"## {file.name}\n\n{_shown(file)}" for file in sources)])


def _shown(file: Path) -> str:
    return f"```{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text().rstrip()}\n```\n"
