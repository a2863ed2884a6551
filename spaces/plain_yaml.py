"""YAML as far as a config needs it: mappings, lists, texts, numbers, truth values, aliases; within bounds, and no more.

``yaml.safe_load`` constructs nothing that could run code either, but it fails in many ways on numbers and dates that
cannot be, takes the last of two equal keys in silence, and lets a few lines of aliases stand for billions of values.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import ParserError
from yaml.reader import ReaderError
from yaml.scanner import ScannerError

from .errors import ConfigError
from .limits import YAML_DEPTH, YAML_VALUES

TOO_DEEP = f"nested too deeply; expected at most {YAML_DEPTH} levels"
TOO_MANY = f"expected at most {YAML_VALUES} values, those of aliases counted"


class NotYaml(ConfigError):
    """A text that is no such YAML; the message tells the line and the column, as far as they are known."""


def parse_yaml(text: str) -> Any:
    """The value of a YAML document; ``None`` where it is empty.

    Dates are texts, tags such as ``!!python/object`` are refused, an integer has at most 40 digits.

    Raises:
        NotYaml: where it is not YAML, has a tag, a key twice, a key that is no text or number, an alias of what it is
            in, or is nested deeper or holds more values than :mod:`.limits` allow.
    """
    try:
        with suppress(ScannerError, ParserError, ReaderError, UnicodeEncodeError):
            return _value(_QuickLoader(text))
        return _value(_Loader(text))
    except yaml.YAMLError as error:
        raise NotYaml(_problem(error)) from None


def _value(loader: _Loader | _QuickLoader) -> Any:
    try:
        node = loader.get_single_node()
        return None if node is None else _Values().of(node, 0)
    finally:
        loader.dispose()


class _Bounded(Composer):
    """Composes nodes whose levels are counted as they are read."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth, self.nodes = self.depth + 1, self.nodes + 1
        if self.depth > YAML_DEPTH or self.nodes > YAML_VALUES:
            problem = TOO_DEEP if self.depth > YAML_DEPTH else TOO_MANY
            raise _refusal(problem, self.peek_event())  # type: ignore[attr-defined]  # of the parser that is mixed in
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Loader(_Bounded, yaml.SafeLoader):
    """Reads as PyYAML does, and says what is wrong in its words."""


_QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, with which PyYAML may have been built."""


class _QuickLoader(_Bounded, _QUICK):  # type: ignore[misc]
    """Reads eight times as fast; what it refuses, the other one looks at again."""

    def __init__(self, text: str) -> None:
        _QUICK.__init__(self, text)
        Composer.__init__(self)


class _Values:
    """Plain values of nodes, and how many they are."""

    def __init__(self) -> None:
        self._count = 0
        self._open: set[int] = set()

    def of(self, node: Node, depth: int) -> Any:
        self._count += 1
        if self._count > YAML_VALUES:
            raise _refusal(TOO_MANY, node)
        if depth > YAML_DEPTH:
            raise _refusal(TOO_DEEP, node)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if id(node) in self._open:
            raise _refusal("an alias of what it stands in", node)
        self._open.add(id(node))
        try:
            return self._list(node, depth) if isinstance(node, SequenceNode) else self._mapping(node, depth)
        finally:
            self._open.discard(id(node))

    def _list(self, node: SequenceNode, depth: int) -> list[Any]:
        _expect_tag(node, "seq")
        return [self.of(item, depth + 1) for item in node.value]

    def _mapping(self, node: Node, depth: int) -> dict[Any, Any]:
        assert isinstance(node, MappingNode)
        _expect_tag(node, "map")
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # <<: *defaults
                for part in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                    if not isinstance(part, MappingNode):
                        raise _refusal("expected a mapping, or a list of some, after <<", part)
                    merged = {**self.of(part, depth + 1), **merged}
                continue
            if not isinstance(key_node, ScalarNode):
                raise _refusal("expected a text as a key, got a list or a mapping", key_node)
            key = _scalar(key_node)
            if key in found:
                raise _refusal(f"the key {str(key)[:60]!r} stands there twice", key_node)
            found[key] = self.of(value_node, depth + 1)
        return {**merged, **found}


_INTEGER = re.compile(r"[-+]?[0-9_]{1,40}")
_OTHER_INTEGER = re.compile(r"[-+]?0(?:x[0-9a-fA-F_]{1,32}|o?[0-7_]{1,40}|b[01_]{1,128})")
_TRUE, _FALSE = ("yes", "true", "on"), ("no", "false", "off")


def _scalar(node: ScalarNode) -> Any:
    tag, text = node.tag.removeprefix("tag:yaml.org,2002:"), str(node.value)
    if tag == "null" and text in ("", "~", "null", "Null", "NULL"):
        return None
    if tag == "bool" and text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    if tag == "int":
        return _integer(node, text)
    if tag == "float":
        return _float(node, text)
    if tag in ("str", "timestamp", "value", "merge"):
        return text
    raise _refusal(f"expected no tag, got {tag[:60]!r} (a text, a number and a list need none)", node)


def _integer(node: Node, text: str) -> int | str:
    """Decimal, ``0x``, ``0b``, octal with a leading zero, as YAML 1.1 has them; its ``1:30`` of base 60 is a text."""
    if ":" in text:
        return text
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    try:
        if _INTEGER.fullmatch(text) and (digits == "0" or not digits.startswith("0")):
            return int(plain)
        if _OTHER_INTEGER.fullmatch(text):
            base = {"x": 16, "b": 2, "o": 8}.get(digits[1:2], 8)
            sign = -1 if plain.startswith("-") else 1
            return sign * int(digits[2:] if digits[1:2] in "xbo" else digits, base)
    except ValueError:
        pass
    raise _refusal(f"expected a whole number of at most 40 digits, got {text[:40]!r}", node)


def _float(node: Node, text: str) -> float | str:
    if ":" in text:
        return text
    plain = text.replace("_", "").lower()
    special = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
    try:
        return float(special.get(plain, plain))
    except ValueError:
        raise _refusal(f"expected a number, got {text[:40]!r}", node) from None


def _expect_tag(node: Node, name: str) -> None:
    if node.tag != f"tag:yaml.org,2002:{name}":
        shown = node.tag.removeprefix("tag:yaml.org,2002:")[:60]
        raise _refusal(f"expected no tag, got {shown!r} (a text, a number and a list need none)", node)


def _refusal(problem: str, where: Node | yaml.Event) -> yaml.YAMLError:
    mark: Any = where.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{problem}"
