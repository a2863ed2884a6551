"""Secrets are masked where people put them, and nothing else is."""

from __future__ import annotations

import pytest

from parefront.spaces import masking
from parefront.spaces.masking import masked, masked_command, masked_text, remember_secrets_in


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:s3cret@host/db", "postgresql://user:***@host/db"),
        ("postgresql+psycopg://u:s@3:cret@host:5432/db?sslmode=require", "postgresql+psycopg://u:***@host:5432/db?sslmode=require"),
        ("mysql://host/db?password=s3cret&timeout=3", "mysql://host/db?password=***&timeout=3"),
        ("redis://:s3cret@host/0", "redis://:***@host/0"),
        ("sshpass -p s3cret ssh -p 2222 pi@board", "sshpass -p *** ssh -p 2222 pi@board"),
        ("board --api-token=s3cret --verbose", "board --api-token=*** --verbose"),
        ("DB_PASSWORD='s3 cret' board", "DB_PASSWORD=*** board"),
        ("Authorization: Bearer s3cret", "Authorization: Bearer ***"),
        ("Authorization: Basic czNjcmV0", "Authorization: Basic ***"),
        ("postgresql://user:s3/cr#et@host/db", "postgresql://user:***@host/db"),
        ("{'password': 's3cret', 'port': 5432}", "{'password': ***, 'port': 5432}"),
    ],
)  # fmt: skip
def test_secrets_in_a_text_are_masked(text: str, shown: str) -> None:
    assert masked_text(text) == shown
    assert masked_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:${DB_PASSWORD}@host/db",
        "sshpass -p ${PIN} ssh pi@board",
        "sqlite:////tmp/study.db",
        "ssh pi@raspberry",
        "ssh://pi@host:22",
        "latency@pi <= 0.5x",
        "docker exec -i box",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked_text(text) == text
    assert masked_command(text.split()) == text.split()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("sshpass -p s3cret ssh -p 22 pi@board", "sshpass -p *** ssh -p 22 pi@board"),
        ("sshpass -ps3cret ssh pi@board", "sshpass -p*** ssh pi@board"),
        ("board --password s3cret --core 2", "board --password *** --core 2"),
        ("docker exec -e API_KEY=s3cret -i box", "docker exec -e API_KEY=*** -i box"),
        ("env SSHPASS=s3cret sshpass -e ssh pi@board", "env SSHPASS=*** sshpass -e ssh pi@board"),
    ],
)
def test_secrets_in_a_command_are_masked(command: str, shown: str) -> None:
    assert masked_command(command.split()) == shown.split()
    assert masked_command(shown.split()) == shown.split()


def test_secrets_in_a_config_are_masked_wherever_they_are() -> None:
    config = {
        "device": {"command": ["board", "--token", "s3cret"], "provider_options": {"X": {"access_key": "s3cret"}}},
        "search": {"storage": "postgresql://u:s3cret@h/d", "trials": 3},
    }
    assert masked(config) == {
        "device": {"command": ["board", "--token", "***"], "provider_options": {"X": {"access_key": "***"}}},
        "search": {"storage": "postgresql://u:***@h/d", "trials": 3},
    }


def test_a_secret_that_is_known_is_masked_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_KNOWN", set())
    remember_secrets_in(
        {
            "search": {"storage": "postgresql://me:s3%2Fcret@host/db"},
            "device": {"command": ["sshpass", "-p", "letmein", "board", "--token=t0ken"], "threads": 1},
            "devices": {"pi": {"command": "sshpass -pxyz9 ssh pi"}},
        }
    )
    said = masked_text("login s3/cret, s3%2Fcret or letmein or t0ken or xyz9 failed; not letmeinside")
    assert said == "login ***, *** or *** or *** or *** failed; not letmeinside"


def test_a_short_word_is_no_secret_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_KNOWN", set())
    remember_secrets_in({"device": {"command": ["sshpass", "-p", "a", "ssh", "pi@a"]}})
    assert masked_text("a device") == "a device"
    assert masked_text("sshpass -p a ssh pi@a") == "sshpass -p *** ssh pi@a"
