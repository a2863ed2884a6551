"""Every key that a config may hold, with type, default and meaning, read from the models that check it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from pydantic import BaseModel, TypeAdapter

from ..compressors import registry
from ..search.registry import OPTIONS
from ..spaces.errors import ConfigError
from ..spaces.messages import did_you_mean, one_line
from .models import Config, DeviceConfig, ExecutorConfig, LatencyConfig, RecoverConfig, SearchConfig
from .recipe import StageConfig

TOP = "config"
COMPRESS = "compress"
REQUIRED = "required"

_ENTRY = re.compile(r"(?P<indent> *)(?P<name>\w+): (?P<meaning>.*)")
_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class Key:
    """One key of a section.

    Attributes:
        name: as it stands in the YAML.
        type: what is accepted, in words.
        default: as it would stand in the YAML; ``"required"`` where there is none.
        meaning: what it does.
    """

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class ConfigSection:
    """A part of the config.

    Attributes:
        name: what ``parefront options`` calls it.
        place: where its keys stand in the YAML, e.g. ``"compress.quantize"``; ``""`` for the top level.
        summary: what it is about, in a sentence.
        keys: in their order.
        schema: JSON Schema of the section.
        problem: why its keys cannot be told; of a package that cannot be imported.
    """

    name: str
    place: str
    summary: str
    keys: tuple[Key, ...]
    schema: Mapping[str, Any]
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The section as plain values."""
        keys = [
            {"key": key.name, "type": key.type, "default": key.default, "meaning": key.meaning} for key in self.keys
        ]
        problem = {"problem": self.problem} if self.problem else {}
        return {"section": self.name, "place": self.place, "summary": self.summary, "keys": keys, **problem}


def all_sections() -> list[ConfigSection]:
    """Every section: the top level, its parts, the options of every installed method and of our own samplers."""
    return [
        *map(section, (TOP, "device", "latency", "search", "recover", "executor", "recipe")),
        *sections_of(COMPRESS),
        *sections_of("samplers"),
    ]


def sections_of(name: str) -> list[ConfigSection]:
    """The sections that a name means: one, or all methods (``compress``), or all samplers with options (``samplers``).

    Raises:
        ConfigError: for an unknown name, with the nearest and all that are known.
    """
    if name in (COMPRESS, "compressors"):
        return [section(known) for known in registry.known()]
    if name in ("samplers", "sampler_options"):
        return [section(known) for known in OPTIONS]
    return [section(name)]


def section(name: str) -> ConfigSection:
    """One section, by the name of a part of the config, of a compressor or of a sampler.

    Raises:
        ConfigError: for an unknown name, with the nearest and all that are known.
    """
    name = name.removeprefix("compress.")
    models: dict[str, type[BaseModel]] = {
        TOP: Config, "device": DeviceConfig, "devices": DeviceConfig, "latency": LatencyConfig, "search": SearchConfig,
        "recover": RecoverConfig, "executor": ExecutorConfig, "recipe": StageConfig,
    }  # fmt: skip
    if name in models:
        place = {TOP: "", "devices": "devices.NAME", "recipe": "each of stages in a recipe"}.get(name, name)
        return _of_model(name, place, models[name], models[name])
    if name in OPTIONS:
        return _of_dataclass(name, OPTIONS[name])
    if name not in registry.known():
        known = [*models, COMPRESS, *registry.known(), "samplers", *OPTIONS]
        near = did_you_mean(name, known).partition("; known")[0]
        raise ConfigError(f"no section {name!r}{near}; known: {', '.join(known)}")
    place = f"{COMPRESS}.{name}"
    try:
        method = registry.find(name)
    except Exception as error:  # a package that cannot be imported must not hide what the others offer
        return ConfigSection(name, place, "", (), {}, f"cannot be loaded: {one_line(error)}")
    return _of_model(name, place, method.Options, method)


def json_schema() -> dict[str, Any]:
    """JSON Schema of the whole config, the options of every installed method included."""
    found = _schema_of(Config)
    methods = [method for method in sections_of(COMPRESS) if not method.problem]
    found["properties"][COMPRESS] |= {
        "additionalProperties": False,
        "properties": {
            method.name: {"anyOf": [{"$ref": f"#/$defs/{method.name}"}, {"type": "null"}]} for method in methods
        },
    }
    for method in methods:
        inner = dict(method.schema)
        found["$defs"] |= inner.pop("$defs", {})
        found["$defs"][method.name] = inner
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Parefront config", **found}


def meanings(kind: type) -> dict[str, str]:
    """What each attribute of a class means, from the ``Attributes:`` of its docstring and those of its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if "__doc__" in vars(base) and base.__doc__:
            found |= dict(_attributes(base.__doc__))
    return found


def _attributes(doc: str) -> Iterator[tuple[str, str]]:
    _, found, listed = inspect.cleandoc(doc).partition("Attributes:\n")
    name, margin = "", None
    words: list[str] = []
    for line in listed.splitlines() if found else ():
        entry = _ENTRY.fullmatch(line)
        indent = len(line) - len(line.lstrip())
        if entry and margin in (None, indent):
            if name:
                yield name, _plain(" ".join(words))
            name, words, margin = entry["name"], [entry["meaning"]], indent
        elif line.strip() and margin is not None and indent > margin:
            words.append(line.strip())
        elif line.strip():
            break
    if name:
        yield name, _plain(" ".join(words))


def _plain(text: str) -> str:
    """Without the marks of reStructuredText."""
    return _ROLE.sub(lambda role: role[1].rpartition(".")[2], text).replace("``", "").rstrip(".")


def _of_model(name: str, place: str, model: type[BaseModel], told_by: type) -> ConfigSection:
    schema = _schema_of(model)
    required = set(schema.get("required", ()))
    keys = [
        Key(
            key,
            _type(entry, schema.get("$defs", {})),
            REQUIRED if key in required else _value(_default(model, key)),
            entry.get("description", ""),
        )
        for key, entry in schema.get("properties", {}).items()
    ]
    return ConfigSection(name, place, _summary(told_by), tuple(keys), schema)


def _of_dataclass(name: str, kind: type) -> ConfigSection:
    """The options of a sampler."""
    schema, told = TypeAdapter(kind).json_schema(), meanings(kind)
    keys = []
    for field in fields(kind):
        entry = schema["properties"][field.name]
        entry["description"] = told.get(field.name, "")
        default = None if field.default is MISSING else field.default
        shown = REQUIRED if default == "" else _value(default)
        keys.append(Key(field.name, _type(entry, {}), shown, entry["description"]))
    return ConfigSection(name, f"search.sampler_options of {name}", "", tuple(keys), schema)


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema with the meaning of every key as its description."""
    schema = model.model_json_schema()
    schema.pop("description", None)
    _describe(schema, model)
    return schema


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    told, inner = meanings(model), schema.get("$defs", {})
    for key, entry in schema.get("properties", {}).items():
        if key in told:
            entry.setdefault("description", told[key])
    for name in inner:
        inner[name].pop("description", None)
    for known in (DeviceConfig, ExecutorConfig, LatencyConfig, RecoverConfig, SearchConfig):
        if known.__name__ in inner and known is not model:
            _describe(inner[known.__name__], known)


def _default(model: type[BaseModel], key: str) -> Any:
    field = next(field for name, field in model.model_fields.items() if key in (field.alias, name))
    default = field.get_default(call_default_factory=True)
    return {} if isinstance(default, BaseModel) else default


def _type(entry: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What a schema accepts, in words."""
    if "$ref" in entry:
        return _type(defs.get(entry["$ref"].rpartition("/")[2], {"type": "object"}), defs)
    if "allOf" in entry:
        return _type(entry["allOf"][0], defs)
    if "anyOf" in entry:
        return " or ".join(dict.fromkeys(_type(e, defs) for e in entry["anyOf"] if e.get("type") != "null"))
    if "enum" in entry or "const" in entry:
        return " | ".join(map(_value, entry.get("enum", [entry.get("const")])))
    kind = entry.get("type", "")
    if kind == "array":
        items = entry.get("items", {})
        return f"list of {_plural(_type(items, defs))}" if items else "list"
    bounds = [f"{sign} {entry[bound]:g}" for bound, sign in _BOUNDS.items() if bound in entry]
    return " ".join([_WORDS.get(kind, kind or "any value"), *([" and ".join(bounds)] if bounds else [])])


def _plural(words: str) -> str:
    plurals = {word: f"{word}s" for word in _WORDS.values() if not word.startswith("true")}
    return " or ".join(plurals.get(word, word) for word in words.split(" or "))


def _value(value: Any) -> str:
    """A value as it may stand in YAML."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_value(inner)}' for key, inner in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summary(kind: type) -> str:
    """The first sentence of a docstring."""
    doc = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    sentence = re.split(r"(?<=[.!?])\s", " ".join(doc.split()), maxsplit=1)[0]
    return _plain(sentence).partition("; see ")[0]
