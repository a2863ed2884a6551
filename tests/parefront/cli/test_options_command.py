"""``parefront options``: what a person and what a program is told of the config."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ..conftest import Command


@pytest.mark.parametrize("columns", [80, 140])
def test_every_key_and_meaning_is_shown_whole(monkeypatch: pytest.MonkeyPatch, run: Command, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    outcome = run("options", "device", "prune_channels")

    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= columns
    assert "…" not in outcome.out
    words = " ".join(outcome.out.split())
    assert "deadline_seconds" in words
    assert "[ssh, pi@raspberry]" in words
    assert "compress.prune_channels: removes whole channels" in words


def test_the_json_has_every_section(run: Command) -> None:
    found = json.loads(run("options", "--json").out)

    assert [part["section"] for part in found][:4] == ["config", "device", "latency", "search"]
    assert found[3]["keys"][0].keys() == {"key", "type", "default", "meaning"}


def test_the_schema_of_the_whole_config_and_of_a_section(run: Command) -> None:
    whole, part = (json.loads(run("options", *names, "--json-schema").out) for names in ((), ("quantize",)))

    search = whole["properties"]["search"]
    assert search.get("allOf", [search])[0]["$ref"] == "#/$defs/SearchConfig", "pydantic before 2.9 wraps it"
    assert "bits" in part["properties"]


def test_an_unknown_section_is_one_line(run: Command) -> None:
    outcome = run("options", "quantise")

    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "did you mean 'quantize'?" in outcome.err


def test_a_reader_that_has_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "parefront", "options", "--json"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)

    assert done.stderr == ""
    assert done.returncode == 141
