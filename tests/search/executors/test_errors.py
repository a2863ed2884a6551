"""Errors that come from another process."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import pytest

from parefront.evaluators.device.errors import DeviceUnreachable, RequestRefused
from parefront.search.executors.errors import SentError
from parefront.spaces.errors import Infeasible, TaskError, is_of_the_host


@dataclass
class Fields(Exception):
    """An error whose arguments are no text."""

    fields: dict[str, int]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("3 channels are not 16"),
        TaskError("task.model: no"),
        Infeasible("no width"),
        DeviceUnreachable("pi: away"),
        RequestRefused("unknown_model", "which?"),
        MemoryError(),
        FileNotFoundError(2, "No such file", "model.onnx"),
    ],
)
def test_what_both_sides_know_arrives_as_itself(error: Exception) -> None:
    arrived = SentError(error, "").restored()
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert is_of_the_host(arrived) == is_of_the_host(error)
    assert getattr(arrived, "code", None) == getattr(error, "code", None)


@pytest.mark.parametrize("error", [Fields({"a": 1}), SystemExit(3), KeyboardInterrupt()])
def test_what_they_do_not_is_told_in_its_words(error: BaseException) -> None:
    arrived = SentError(error, "").restored()
    assert type(arrived).__name__ == type(error).__name__
    assert str(arrived) == str(error)


def test_the_traceback_comes_along_and_shows_no_password() -> None:
    try:
        raise ValueError("cannot log in at https://me:secret@example.org")
    except ValueError as error:
        arrived = SentError(error, traceback.format_exc()).restored()
    shown = "".join(traceback.format_exception(arrived))
    assert "test_errors.py" in shown
    assert "me:secret" not in str(arrived.__cause__)
