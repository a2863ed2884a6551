"""``parefront options``: every key of the config with its type, its default and its meaning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..config.sections import REQUIRED, ConfigSection, Key, all_sections, json_schema, sections_of
from ..spaces.errors import ConfigError
from ..terminal.progress import ascii_only

WIDE = 110
"""From this many columns on, type and default have columns of their own."""


def show_options(names: Sequence[str], as_json: bool, as_schema: bool) -> None:
    """Print the sections of these names, or all.

    Raises:
        ConfigError: for an unknown name, with the known ones.
    """
    sections = [found for name in names for found in sections_of(name)] if names else all_sections()
    if as_schema:
        print(json.dumps(_schema(sections) if names else json_schema(), indent=2))
        return
    if as_json:
        print(json.dumps([found.to_json() for found in sections], indent=2))
        return
    console = Console(highlight=False)
    plain = ascii_only(console)
    for found in sections:
        console.print(_heading(found))
        if found.problem:
            console.print(Text(f"  {found.problem}\n", style="yellow"))
        elif found.keys:
            console.print(_table(found, console.width, plain))
        else:
            console.print(Text("  no options\n", style="dim"))


def _schema(sections: Sequence[ConfigSection]) -> dict[str, Any]:
    if len(sections) > 1:
        names = ", ".join(found.name for found in sections)
        raise ConfigError(f"--json-schema: expected one section, or none for the whole config; got {names}")
    found = sections[0]
    if found.problem:
        raise ConfigError(f"{found.name}: {found.problem}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found.schema}


def _heading(found: ConfigSection) -> Text:
    summary = f": {found.summary[:1].lower()}{found.summary[1:]}" if found.summary else ""
    return Text.assemble((found.place or "top level of the config", "bold"), summary)


def _table(found: ConfigSection, width: int, plain: bool) -> Table:
    """Four columns, or three where the terminal is narrow: the type then stands below the default."""
    wide = width >= WIDE
    table = Table(box=box.ASCII if plain else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("key", no_wrap=True, style="cyan")
    for heading in ("default", "type") if wide else ("default, type",):
        table.add_column(heading, overflow="fold", max_width=34 if wide else 23)
    table.add_column("meaning", ratio=1)
    for key in found.keys:
        cells = (_default(key), Text(key.type, style="dim"))
        table.add_row(key.name, *(cells if wide else [Text("\n").join(cells)]), Text(key.meaning))
    return table


def _default(key: Key) -> Text:
    return Text(key.default, style="yellow" if key.default == REQUIRED else "")
