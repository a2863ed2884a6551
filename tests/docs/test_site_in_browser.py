"""The site in a real browser, opened from a disk: its search works, nothing is asked for elsewhere, all can read it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..parefront.report.browser import CHROMIUM, Browser, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

PAGES = ["index", "reference/config", "notebook"]
FOUND = """new Promise(done => {
  const found = () => document.querySelectorAll(".md-search-result__item").length;
  const look = rest => found() || !rest ? done(found()) : setTimeout(look, 100, rest - 1);
  look(200);
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


def test_the_search_finds_from_a_disk(browser: Browser, site: Path) -> None:
    browser.show_as(1280)
    browser.open_url(f"{(site / 'index.html').as_uri()}?q=hypervolume")

    assert browser.run(FOUND) >= 3
    assert browser.complaints == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_for_nothing_elsewhere_and_fits_a_phone(browser: Browser, site: Path, page: str) -> None:
    browser.show_as(390)
    browser.open(site / f"{page}.html")

    here = (site.as_uri(), "data:", "blob:")
    assert [request for request in browser.requests if not request.startswith(here)] == []
    assert browser.complaints == []
    assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.skipif(importlib.util.find_spec("axe_core_python") is None, reason="needs axe-core-python")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_bars_who_sees_or_points_otherwise(browser: Browser, site: Path, page: str, dark: bool) -> None:
    spec = importlib.util.find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    browser.show_as(1280, dark=dark)
    browser.open(site / f"{page}.html")
    browser.run(f"{(Path(spec.origin).parent / 'axe.min.js').read_text()};0")

    found = browser.run("axe.run().then(found => found.violations.map(one => [one.impact, one.id, one.nodes[0].html]))")

    assert [one for one in found if one[0] in ("serious", "critical")] == [], json.dumps(found)
