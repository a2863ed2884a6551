"""Secrets are masked where people put them, and nothing else is."""

from __future__ import annotations

import pytest

from parefront.spaces.masking import masked, masked_command, masked_text


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
    ],
)  # fmt: skip
def test_secrets_in_a_text_are_masked(text: str, shown: str) -> None:
    assert masked_text(text) == shown
    assert masked_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    ["sqlite:////tmp/study.db", "ssh pi@raspberry", "ssh://pi@host:22", "latency@pi <= 0.5x", "docker exec -i box"],
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
