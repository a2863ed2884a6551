"""The reference of the command line: every command with its arguments and options, from the program itself."""

from __future__ import annotations

from typing import Any

import typer

from parefront.cli.app import app

from .markdown import code, plain, table

HEAD = """# Commands

Every command of `parefront`, made from the program; `parefront COMMAND --help` shows the same. `--debug` with any
command shows the traceback of an error, which otherwise is one line.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | a bug of Parefront, or of the task's code |
| 2 | something that was given cannot be: an option, a config, a file, the task |
| 3 | every trial failed, or five in a row of the same cause |
| 4 | nobody meets the budget (the nearest is named) |
| 5 | the device cannot be reached, or answers nonsense |
| 130 | interrupted; the same command goes on |
| 141 | the reader of the output had enough (`parefront … | head`) |
"""


def commands_page() -> str:
    """The page, in Markdown."""
    return "\n".join([HEAD, *(_command(name, command) for name, command in all_commands().items())])


def all_commands() -> dict[str, Any]:
    """Every command by its name."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join(["parefront", name, *(a.metavar or a.name.upper() for a in arguments)])
    usage += " [OPTIONS]" if options else ""
    parts = [f"## {name}\n\n```text\n{usage}\n```\n\n{_paragraphs(command.help or '')}\n"]
    if arguments or options:
        parts.append(table(("", "meaning"), [*map(_argument, arguments), *map(_option, options)]))
    return "\n".join(parts)


def _paragraphs(text: str) -> str:
    return "\n\n".join(plain(part) for part in text.split("\n\n"))


def _argument(argument: Any) -> tuple[str, str]:
    return code(argument.metavar or argument.name.upper()), plain(argument.help or "")


def _option(option: Any) -> tuple[str, str]:
    takes = "" if option.is_flag else f" {option.metavar or 'N'}"
    needed = " Required." if option.required else ""
    return code(", ".join(option.opts) + takes), plain(option.help or "") + needed
