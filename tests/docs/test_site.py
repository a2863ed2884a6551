"""The site is built without a warning, and its pages load nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from ..installed import ROOT


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").is_file()
    for made in ("reference/config", "reference/commands", "reference/python", "repository/benchmarks/RESULTS"):
        assert (site / f"{made}.html").stat().st_size > 10_000


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|link|iframe|source|video)\b[^>]*\b(?:src|href)=\"((?:https?:)?//[^\"]*)\"")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        assert loads.findall(page.read_text()) == [], page
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text()) == [], style


def test_the_hooks_are_no_part_of_it(site: Path) -> None:
    assert not (site / "hooks").exists()
