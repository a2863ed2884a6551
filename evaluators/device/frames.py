"""A worker's stdout as it arrives, in pieces → its answers, one JSON object each."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from . import worker
from .answers import shown
from .errors import AnswerMalformed, RequestRefused, WorkerDied

MAX_ANSWER_BYTES = 1 << 25
"""Of one answer: the operators of a network of thousands of layers take a tenth of it."""
MAX_LEADING_NOISE_BYTES = 1 << 16
MAX_REASON = 600
"""Characters of a refusal's reason that are passed on."""


class Frames:
    """What was received and not read yet. A login shell may greet before the first frame: that is passed over."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._begun = False

    def feed(self, chunk: bytes) -> dict[str, Any] | None:
        """The first answer that is there whole, signs of life passed over; None where more has to come.

        Raises:
            WorkerDied: for what is no frame of a JSON object; the stream is out of step then.
        """
        self._received += chunk
        if not self._begun:
            start = self._received.find(worker.MAGIC)
            if start < 0 and len(self._received) < MAX_LEADING_NOISE_BYTES:
                return None
            del self._received[: max(start, 0)]
            self._begun = start >= 0
        while (answer := self._next()) is not None:
            if answer.get("beat") is not True:
                return answer
        return None

    def _next(self) -> dict[str, Any] | None:
        if len(self._received) < worker.PREFIX.size:
            return None
        magic, length = worker.PREFIX.unpack_from(self._received)
        if magic != worker.MAGIC or length > MAX_ANSWER_BYTES:
            raise WorkerDied(f"expected an answer's frame, got {bytes(self._received[:60])!r}")
        end = worker.PREFIX.size + length
        if len(self._received) < end:
            return None
        body = bytes(self._received[worker.PREFIX.size : end])
        del self._received[:end]
        try:
            answer = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise WorkerDied(f"the worker's answer is not JSON: {error}") from error
        if not isinstance(answer, dict):
            raise WorkerDied(f"the worker's answer is not a JSON object: {body[:60]!r}")
        return answer


def served(answer: dict[str, Any], request_id: int) -> dict[str, Any]:
    """The answer to the request of that number, where it is one and says that the request was served.

    Raises:
        RequestRefused: with the worker's own words where it was not.
        WorkerDied: where the worker did not understand the request, or answers another one.
        AnswerMalformed: where it says neither.
    """
    ok, code, reason = answer.get("ok"), answer.get("code"), answer.get("error")
    if ok is False and not (isinstance(code, str) and isinstance(reason, str)):
        raise AnswerMalformed(f"expected a code and a reason of a refusal, got {shown(code)} and {shown(reason)}")
    message = " ".join(str(reason).split())[:MAX_REASON]
    if ok is False and code == "stream":
        raise WorkerDied(f"the worker could not understand a request: {message}")
    if answer.get("id") != request_id or type(answer.get("id")) is not int:
        raise WorkerDied(f"the worker answered request {shown(answer.get('id'))} instead of {request_id}")
    if ok is False:
        raise RequestRefused(str(code)[:MAX_REASON], message)
    if ok is not True:
        raise AnswerMalformed(f"expected ok to be true or false, got {shown(ok)}")
    return answer


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
