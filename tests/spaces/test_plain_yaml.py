"""YAML is read as far as a config needs it, and whatever is more than that is refused with its place."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from parefront.spaces.limits import CONFIG_BYTES, YAML_VALUES
from parefront.spaces.plain_yaml import NotYaml, parse_yaml

PLAIN: list[Any] = [
    None, True, 7, -3, 0, 2**70, 0.5, -1e-12, float("inf"), "", "x", "yes", "null", "1", "0.5", "~", "2020-01-01",
    "a: b", "line\nline", "é", "#", "!x", "&a", "*a", [], {}, [1, [2, [3]]], {"a": {"b": [1, None]}, "c": "d"},
    {1: "a", 0.5: 2},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN)
def test_what_yaml_writes_is_read_back(value: Any) -> None:
    assert parse_yaml(yaml.safe_dump(value)) == value
    assert parse_yaml(yaml.safe_dump({"key": [value]}, default_flow_style=True)) == {"key": [value]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 0x1F\nb: 010\nc: 0b11\nd: 1_000\ne: +5", {"a": 31, "b": 8, "c": 3, "d": 1000, "e": 5}),
        ("a: On\nb: no", {"a": True, "b": False}),
        ("a: 10:22\nb: 2020-99-99", {"a": "10:22", "b": "2020-99-99"}),
        ("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}", {"base": {"x": 1, "y": 2}, "more": {"x": 1, "y": 3}}),
    ],
)
def test_other_spellings_are_understood(text: str, value: Any) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system [id]", "line 1, column 4: expected no tag, got 'python/object/apply:os"),
        ("a: !!set {x}", "expected no tag, got 'set'"),
        ("a: !!binary aGk=", "expected no tag, got 'binary'"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands there twice"),
        ("a: &a [*a]", "an alias of what it stands in"),
        ("a: *b", "found undefined alias 'b'"),
        ("? [1]\n: 2", "expected a text as a key"),
        ("a: " + "9" * 5000, "expected a whole number of at most 40 digits, got '9999"),
        ("a: !!int x", "expected a whole number"),
        ("a: !!float x", "expected a number, got 'x'"),
        ("a: !!bool x", "expected no tag, got 'bool'"),
        ("[" * 100_000, "nested too deeply"),
        ("- " * 5000 + "a", "nested too deeply"),
        ("a: \0", "special characters are not allowed"),
        ("a: 'x", "line 1, column 6: found unexpected end of stream"),
        ("a: 1\n---\na: 2", "but found another document"),
    ],
)
def test_whatever_else_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(NotYaml) as refused:
        parse_yaml(text)
    assert problem in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 300


def laughs(levels: int = 12) -> str:
    """A billion values in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merges(levels: int = 40) -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: {n}}}" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs(),
        merges(),
        "[" + "a," * (CONFIG_BYTES // 2) + "]",
        "".join(f"k{n}: &a{n} {n}\n" for n in range(CONFIG_BYTES // 15)),
        "? " * (CONFIG_BYTES // 2),
        "a: " + "{b: " * 20_000,
        "&a " * (CONFIG_BYTES // 3),
    ],
    ids=["laughs", "merges", "list", "anchors", "questions", "maps", "anchors of nothing"],
)
def test_what_stands_for_very_much_is_refused_early(text: str) -> None:
    started = time.process_time()
    with pytest.raises(NotYaml, match=rf"at most {YAML_VALUES} values|nested too deeply|anchor|alias|expected"):
        parse_yaml(text)
    assert time.process_time() - started < 10
