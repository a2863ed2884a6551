"""What a terminal shows while a command imports PyTorch."""

from __future__ import annotations

import sys

import pytest

from parefront.cli.starting import starting


def test_a_terminal_is_told_and_the_line_is_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with starting():
        pass

    shown = capsys.readouterr().err.split("\r")
    assert shown[0].strip() == "starting …"
    assert shown[-2].isspace()
    assert shown[-1] == ""


def test_a_pipe_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with starting():
        pass

    assert capsys.readouterr() == ("", "")
