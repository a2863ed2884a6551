"""``${NAME}`` in a config: a secret that stands in the environment, and in no file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from .errors import ConfigError
from .masking import remember

_VARIABLE = re.compile(r"\$(?P<literal>\$?)\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_NO_SECRET = re.compile(r"HOST|USER|PORT|ADDRESS|HOME|DIR|PATH|NAME")
"""In the names of variables whose values may be shown."""


def expanded(value: Any, key: str) -> Any:
    """Plain values with the environment's variable in the place of each ``${NAME}``; ``$${NAME}`` means ``${NAME}``.

    What a variable held is masked from then on wherever a message holds it.

    Args:
        value: a text, or lists and mappings of some.
        key: of the config, for the message.

    Raises:
        ConfigError: where the environment has no such variable, or an empty one.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value_of(found, key), value)
    if isinstance(value, Mapping):
        return {inner: expanded(item, key) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(expanded(item, key) for item in value)
    return value


def expanded_where_known(value: Any) -> Any:
    """The same, with what the environment lacks left as it is: to compare two configs by what they mean."""
    try:
        return expanded(value, "")
    except ConfigError:
        return value


def _value_of(found: re.Match[str], key: str) -> str:
    if found["literal"]:
        return f"${{{found['name']}}}"
    value = os.environ.get(found["name"], "")
    if not value:
        raise ConfigError(
            f"{key}: the environment has no variable {found['name']}; set it, as in export {found['name']}=…"
        )
    if not _NO_SECRET.search(found["name"]):
        remember(value)
    return value
