"""Links of pages lead to where the site has what they mean."""

from __future__ import annotations

import pytest

from manual.links import in_repository, in_site, links_of, relinked
from manual.repository import neighbours, with_sources

from ..installed import ROOT


@pytest.mark.parametrize(
    ("page", "link", "led"),
    [
        ("cluster.md", "../examples/cluster", "repository/examples/cluster/index.md"),
        ("extend/metric.md", "../../examples/metric", "../repository/examples/metric/index.md"),
        ("methods.md", "../benchmarks/RESULTS.md#controllers", "repository/benchmarks/RESULTS.md#controllers"),
        ("recipes.md", "recovery.md#losses", "recovery.md#losses"),
        ("repository/benchmarks/RESULTS.md", "../docs/what_was_tried.md", "../../what_was_tried.md"),
        ("repository/benchmarks/RESULTS.md", "pictures/x.png", "pictures/x.png"),
        ("repository/SECURITY.md", "spaces/limits.py", "spaces/limits.py.md"),
        ("python.md", "../examples/notebook/tiny_network.ipynb", "notebook.md"),
        ("runtimes.md", "#what-holds", "#what-holds"),
        ("index.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_a_link_is_led(page: str, link: str, led: str) -> None:
    assert relinked(f"see [it]({link}).", page, ROOT) == f"see [it]({led})."


def test_code_has_no_links() -> None:
    page = "[a](b.md)\n\n```python\ncalls[0](x)\n```\n"
    assert list(links_of(page)) == ["b.md"]
    assert "calls[0](x)" in relinked(page, "index.md", ROOT)


def test_places_in_the_site_and_in_the_repository_correspond() -> None:
    for path in ("docs/index.md", "CHANGELOG.md", "spaces/limits.py"):
        assert in_repository(in_site(path, ROOT), ROOT) == path


def test_a_page_shows_the_source_that_it_marks() -> None:
    shown = with_sources("<!-- shown: examples/metric/parefront_psnr.py -->", ROOT)
    assert shown.startswith("```python\n")
    assert "def psnr(" in shown


def test_what_is_linked_to_has_a_page() -> None:
    found = neighbours(ROOT)
    assert "repository/CHANGELOG.md" in found
    assert "```python" in str(found["repository/examples/plugin/index.md"])
