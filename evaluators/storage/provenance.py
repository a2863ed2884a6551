"""What a file that left its run says of itself: appended to the bytes that were measured, read, and taken off again.

A protobuf message is read field by field, and what comes later is added to what came before. So provenance is appended
to a model's bytes, which stay as they are: the digest of what was measured can be checked in any exported file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ...spaces.wire import field_head, varint
from .litert_file import LITERT, is_litert
from .protobuf import nested, numbers, without

PREFIX = "parefront."
"""Of the keys in ``metadata_props``."""
ARTIFACT, ARTIFACT_BYTES = "artifact", "artifact_bytes"
METRIC = "metric."
"""Of the keys of measurements."""
RUNS_IN = "runs_in"
"""Key of the runtime that a file was made for, where its search has several: part of what was measured."""
_VERSION, _DOC, _PROPS, _KEY, _VALUE = 5, 6, 14, 1, 2
"""Numbers of the fields ``model_version``, ``doc_string`` and ``metadata_props`` of onnx.proto's ``ModelProto``, and of
``StringStringEntryProto``."""
_TOLD = frozenset((_VERSION, _DOC, _PROPS))
"""Fields of a ``ModelProto`` that say something of it, and change nothing that it computes."""


@dataclass(frozen=True)
class Provenance:
    """Where a file comes from.

    Attributes:
        facts: by key, without :data:`PREFIX`; texts, those of several values as JSON.
        version: the model's own, 0 or more.
        text: the same in a sentence.
    """

    facts: Mapping[str, str]
    version: int
    text: str

    def added_to(self, content: bytes) -> bytes:
        """An ONNX file with this behind it, and the digest and length of what stood there before.

        Args:
            content: a serialised ``ModelProto``.
        """
        held = {ARTIFACT: hashlib.sha256(content).hexdigest(), ARTIFACT_BYTES: str(len(content)), **self.facts}
        entries = (_text(_KEY, f"{PREFIX}{key}") + _text(_VALUE, value) for key, value in held.items())
        version = bytes([_VERSION << 3]) + varint(self.version)
        return content + version + _text(_DOC, self.text) + b"".join(_framed(_PROPS, entry) for entry in entries)


def facts_of(content: bytes) -> dict[str, str]:
    """What an ONNX file says of where it comes from, by key; nothing of a file of another origin.

    Raises:
        ValueError: where ``content`` is not a protobuf message.
    """
    found = {}
    for start, stop in nested(content, (_PROPS,)):
        entry = content[start:stop]
        key, value = (_last(entry, number) for number in (_KEY, _VALUE))
        if key.startswith(PREFIX):
            found[key.removeprefix(PREFIX)] = value
    return found


def made_for(content: bytes, runtime: str) -> bytes:
    """An ONNX file that says which runtime it is for, and no other one; itself where it says so already.

    Raises:
        ValueError: where ``content`` is not a protobuf message.
    """
    if runtime_of_file(content) == runtime:
        return content
    unsaid = without(content, _PROPS, lambda entry: _last(entry, _KEY) == f"{PREFIX}{RUNS_IN}")
    return unsaid + _framed(_PROPS, _text(_KEY, f"{PREFIX}{RUNS_IN}") + _text(_VALUE, runtime))


def runtime_of_file(content: bytes) -> str:
    """The runtime that an ONNX file says it is for, or whose format another one has; ``""`` where nothing tells."""
    if is_litert(content):
        return LITERT
    try:
        return facts_of(content).get(RUNS_IN, "")
    except ValueError:
        return ""


def without_provenance(content: bytes) -> bytes:
    """The bytes that were measured, where ``content`` is an exported file of them; else ``content`` itself.

    Behind them may stand what says something of a model, and nothing that is part of it: readers add a graph, functions
    or operator sets that come later to those before.
    """
    try:
        facts = facts_of(content)
    except ValueError:
        return content
    length = facts.get(ARTIFACT_BYTES, "")
    before = content[: int(length)] if length.isdecimal() and len(length) < 12 else content
    if hashlib.sha256(before).hexdigest() != facts.get(ARTIFACT):
        return content
    return before if _TOLD.issuperset(numbers(content, len(before))) else content


def _last(entry: bytes, number: int) -> str:
    """The text of a field; of several the last one counts."""
    texts = [entry[start:stop] for start, stop in nested(entry, (number,))]
    return texts[-1].decode(errors="replace") if texts else ""


def _text(number: int, text: str) -> bytes:
    return _framed(number, text.encode(errors="replace"))


def _framed(number: int, content: bytes) -> bytes:
    """A field that has a length."""
    return field_head(number, len(content)) + content
