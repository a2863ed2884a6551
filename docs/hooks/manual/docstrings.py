"""Docstrings as Markdown: sections become lists, marks of reStructuredText become code."""

from __future__ import annotations

import re

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):")
_ENTRY = re.compile(r" {4}(?P<name>[\w*]+(?:, [\w*]+)*): (?P<meaning>.*)")
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def in_markdown(doc: str) -> str:
    """A docstring, as ``inspect.getdoc`` gives it, in Markdown."""
    lines: list[str] = []
    section = ""
    for line in doc.splitlines():
        head = _SECTION.fullmatch(line)
        entry = _ENTRY.fullmatch(line) if section in ("Args", "Attributes", "Raises") else None
        if head:
            section = head[1]
            lines += [f"**{'Arguments' if section == 'Args' else section}**", ""]
        elif entry:
            lines.append(f"- `{entry['name']}`: {entry['meaning']}")
        elif section and line.startswith("    "):
            lines.append(f"  {line.strip()}" if lines[-1].startswith(("- ", "  ")) else line.strip())
        else:
            section = section if not line.strip() else ""
            lines.append(line)
    text = _ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", "\n".join(lines))
    return text.replace("``", "`")
