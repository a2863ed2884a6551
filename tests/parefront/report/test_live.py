"""The server of a live page: what it answers, to whom, and that it ends."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

from parefront.report.document import Report
from parefront.report.live import LAST_WORDS, LivePage

from .conftest import WriteRun


def asked(live: LivePage, path: str = "", host: str | None = None) -> tuple[int, bytes]:
    """Status and content of what lies at a path below the page's own."""
    address = urlsplit(live.url)
    connection = HTTPConnection(address.netloc, timeout=10)
    connection.request("GET", address.path + path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_before_anything_was_measured_the_page_says_so() -> None:
    with LivePage() as live:
        assert live.url.startswith("http://127.0.0.1:")
        status, content = asked(live)
    assert status == 200
    assert b"is being measured" in content


def test_it_tells_what_is_new_and_nothing_where_nothing_is(write_run: WriteRun) -> None:
    report = Report.of(write_run(finished=False))
    with LivePage() as live:
        live.show(report)
        status, content = asked(live, "data?version=0")
        told = json.loads(content)
        assert (status, told["version"]) == (200, 1)
        assert told["report"] == json.loads(json.dumps(report.to_json()))
        live.show(report)
        assert asked(live, "data?version=1") == (204, b"")


def test_other_paths_and_other_names_of_this_machine_get_nothing(write_run: WriteRun) -> None:
    with LivePage() as live:
        live.show(Report.of(write_run(finished=False)))
        assert asked(live, "../")[0] == 404
        assert asked(live, "", "evil.example")[0] == 403
        assert asked(live, "data", f"localhost:{urlsplit(live.url).port}")[0] == 403


def test_it_waits_for_who_looks_at_it_and_for_nobody_else(write_run: WriteRun) -> None:
    report = Report.of(write_run(finished=False))
    began = time.monotonic()
    with LivePage() as live:
        live.show(report)
    assert time.monotonic() - began < LAST_WORDS
    with LivePage() as live:
        asked(live)
        live.show(report)
        began = time.monotonic()
    assert time.monotonic() - began >= LAST_WORDS
