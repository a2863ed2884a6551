"""The page as a file: its data are the run's, names in it are text, and it needs nothing but itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from parefront.report.document import Report
from parefront.report.page import page_of, write_report
from parefront.spaces.files import UnreadableFile

from .conftest import WriteRun, network_of

HOSTILE = "</script><script>alert(1)</script>"


def data_in(page: str) -> dict[str, Any]:
    """What a reader of the page finds in it."""
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    document: dict[str, Any] = json.loads(found[0])
    return document


class Tags(HTMLParser):
    """The tags of a page, and the attributes that load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attributes if name in ("src", "href", "action", "data")]


def test_every_number_in_the_page_is_that_of_front_json(write_run: WriteRun) -> None:
    run = write_run()
    page = write_report(run)

    assert page == run.path / "report.html"
    assert data_in(page.read_text())["front"] == json.loads((run.path / "front.json").read_text())


def test_the_page_holds_all_that_it_needs(write_run: WriteRun) -> None:
    tags = Tags(page_of(Report.of(write_run())))

    assert tags.loads == ["data:,"]
    assert "default-src 'none'" in page_of(Report.of(write_run("another")))
    assert tags.tags.count("script") == 2
    assert not {"iframe", "object", "embed", "form", "base"} & set(tags.tags)


def test_hostile_names_are_no_markup(write_run: WriteRun) -> None:
    policies = [{f"quantize/{HOSTILE}": 8}, {"quantize/<!--": 8, "prune_channels/]]>": 0.5}]
    graph = network_of(HOSTILE, "<!--", "{{script}}")
    run = write_run("<img src=x onerror=alert(1)>", policies, graph=graph, reason=HOSTILE)
    page = page_of(Report.of(run))
    known = Tags(page_of(Report.of(write_run())))

    assert set(Tags(page).tags) == set(known.tags)
    assert Tags(page).tags.count("script") == 2
    document = data_in(page)
    assert document["name"] == "<img src=x onerror=alert(1)>"
    assert [layer["name"] for layer in document["network"]["layers"]] == [HOSTILE, "<!--", "{{script}}"]
    assert document["trials"][-1]["reason"] == HOSTILE


def test_a_thousand_trials_are_less_than_six_megabytes(write_run: WriteRun) -> None:
    report = Report.of(write_run())
    many = [replace(record, number=number) for number, record in enumerate(report.records * 112)]
    page = page_of(replace(report, records=tuple(many), steps=report.steps * 112))

    assert len(many) > 1000
    assert len(page.encode()) < 6e6


def test_a_folder_in_the_way_is_named(write_run: WriteRun, tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()

    with pytest.raises(UnreadableFile, match=r"page\.html"):
        write_report(write_run(), tmp_path / "page.html")
