"""The generated pages tell every command, option, key and name that there is."""

from __future__ import annotations

import pytest

import parefront as pf
from manual.commands import all_commands, commands_page
from manual.config_keys import config_page
from manual.docstrings import in_markdown
from manual.markdown import plain
from manual.python_api import python_page
from parefront.config.sections import ConfigSection, all_sections


@pytest.mark.parametrize("name", all_commands())
def test_a_command_is_told_with_all_of_its_options(name: str) -> None:
    _, _, after = commands_page().partition(f"\n## {name}\n")
    told = after.partition("\n## ")[0]
    for parameter in all_commands()[name].params:
        shown = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar]
        assert all(f"`{', '.join(shown)}" in told for _ in shown), f"{name}: {shown}"
        assert plain(parameter.help) in told


@pytest.mark.parametrize("section", all_sections(), ids=lambda section: section.name)
def test_a_section_is_told_with_all_of_its_keys(section: ConfigSection) -> None:
    _, _, after = config_page().partition(f"\n## {section.name}\n")
    told = after.partition("\n## ")[0]
    for key in section.keys:
        assert f"\n| `{key.name}` |" in told
        assert plain(key.meaning) in told


def test_every_name_of_the_python_api_is_told() -> None:
    told = python_page()
    for name in pf.__all__:
        assert f"\n## {name}\n" in told


def test_signatures_and_arguments_are_told() -> None:
    told = python_page()
    assert "- `budget`: constraints such as" in told
    assert "### Front.select" in told
    assert "objectives: Sequence[str] = ('accuracy', 'latency')," in told
    assert "\n    *,\n" in told
    assert "Front.select(*where: str | Budget, by: str | None = None, tested: bool = True) -> Candidate" in told
    assert "quality: Metric = …," in told


def test_sections_of_docstrings_become_lists() -> None:
    doc = "Adds.\n\nArgs:\n    a: one :class:`~x.Y`,\n        or: two.\n    b: three.\n\nRaises:\n    ValueError: no."
    assert in_markdown(doc).splitlines() == [
        "Adds.", "", "**Arguments**", "", "- `a`: one `Y`,", "  or: two.", "- `b`: three.", "", "**Raises**", "",
        "- `ValueError`: no.",
    ]  # fmt: skip


def test_nothing_in_a_cell_is_taken_for_a_mark() -> None:
    assert plain("a|b <c> *d*\n e_f") == "a&#124;b &lt;c> \\*d\\* e\\_f"
