"""The reference of the config: every section and key, as ``parefront options`` shows them."""

from __future__ import annotations

from parefront.config.sections import REQUIRED, ConfigSection, Key, all_sections

from .markdown import code, plain, table

HEAD = """# Config

Every key that a config may hold, made from the models that check it. `parefront options` shows the same in a terminal,
with the options of compressors that other packages have brought; `parefront options --json-schema` prints a schema for
editors.
"""


def config_page() -> str:
    """The page, in Markdown."""
    return "\n".join([HEAD, *map(_section, all_sections())])


def _section(section: ConfigSection) -> str:
    place = f"Keys of `{section.place}`. " if section.place else "Keys of the top level. "
    if " of " in section.place:
        place = f"{section.place[0].upper()}{section.place[1:]}. "
    summary = f"{plain(section.summary)}." if section.summary else ""
    keys = table(("key", "default", "type", "meaning"), map(_row, section.keys)) if section.keys else "No options.\n"
    return f"## {section.name}\n\n{place}{summary}\n\n{keys}"


def _row(key: Key) -> tuple[str, str, str, str]:
    default = "*required*" if key.default == REQUIRED else code(key.default.strip("–"))
    return code(key.name), default, plain(key.type), plain(key.meaning)
