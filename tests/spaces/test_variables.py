"""``${NAME}`` stands for a variable of the environment, and what it held is masked from then on."""

from __future__ import annotations

import pytest

from parefront.spaces import masking
from parefront.spaces.errors import ConfigError
from parefront.spaces.masking import masked_text
from parefront.spaces.variables import expanded, expanded_where_known


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_KNOWN", set())
    monkeypatch.setenv("DB_PASSWORD", "hunter22")
    monkeypatch.setenv("BOARD_HOST", "board.local")
    monkeypatch.delenv("NOT_SET", raising=False)


def test_variables_are_put_in_wherever_texts_are() -> None:
    value = {
        "url": "postgresql://me:${DB_PASSWORD}@h",
        "command": ("ssh", "pi@${BOARD_HOST}"),
        "threads": 4,
        "no": None,
    }
    assert expanded(value, "key") == {
        "url": "postgresql://me:hunter22@h", "command": ("ssh", "pi@board.local"), "threads": 4, "no": None,
    }  # fmt: skip


def test_a_doubled_dollar_is_one_and_other_dollars_stay() -> None:
    assert expanded("$${DB_PASSWORD} $HOME ${} $(id) 5$", "key") == "${DB_PASSWORD} $HOME ${} $(id) 5$"


def test_what_a_variable_held_is_masked_and_the_name_of_a_host_is_not() -> None:
    expanded("${DB_PASSWORD}@${BOARD_HOST}", "key")
    assert masked_text("no hunter22 at board.local") == "no *** at board.local"


def test_a_variable_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^search.storage: the environment has no variable NOT_SET; set it"):
        expanded("${NOT_SET}", "search.storage")
    assert expanded_where_known({"a": "${NOT_SET}"}) == {"a": "${NOT_SET}"}
