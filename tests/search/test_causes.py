"""Failures of one cause are known as such; a traceback is kept without secrets, and not at any length."""

from __future__ import annotations

import pytest

from parefront.search.causes import KEPT_CHARACTERS, cause_of, traceback_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ValueError: 3 channels are not 16", "ValueError: 12 channels are not 8"),
        ("RuntimeError: block0.conv1 has no weight", "RuntimeError: block12.conv2 has no weight"),
        ("OSError: /tmp/run-a/x.onnx is gone", "OSError: runs/other/artifacts/3f.onnx is gone"),
        ("E: model 3fa9c1d2e4 is unknown", "E: model 00112233aabbccdd is unknown"),
        ("E: a loss of 1.5e-3, expected 0", "E: a loss of 2.25, expected 0"),
        (r"E: C:\runs\a.onnx is open", r"E: D:\b.onnx is open"),
    ],
)
def test_numbers_paths_and_digests_make_no_difference(one: str, other: str) -> None:
    assert cause_of(one) == cause_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ValueError: too wide", "TypeError: too wide"),
        ("ValueError: too wide", "ValueError: too narrow"),
        ("ValueError", "TypeError"),
    ],
)
def test_types_and_words_do(one: str, other: str) -> None:
    assert cause_of(one) != cause_of(other)


def error_of(message: str) -> Exception:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_a_traceback_names_no_secret() -> None:
    text = traceback_of(error_of("cannot connect to postgresql://me:hunter2@host/db"))
    assert "postgresql://me:***@host/db" in text
    assert "hunter2" not in text


def test_of_a_long_one_beginning_and_end_are_kept() -> None:
    text = traceback_of(error_of("x" * 100_000 + " at last"))
    assert text.startswith("Traceback (most recent call last)")
    assert text.endswith("at last")
    assert len(text) < KEPT_CHARACTERS + 100
