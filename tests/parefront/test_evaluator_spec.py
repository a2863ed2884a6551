"""The spec of an evaluator: a value that another process makes its own evaluator from."""

from __future__ import annotations

import pickle
from contextlib import closing
from pathlib import Path

import pytest

from parefront.config.schema import load_config
from parefront.evaluator_spec import EvaluatorSpec
from parefront.spaces.errors import ConfigError


def test_it_survives_pickling_and_makes_the_same_space(project: Path) -> None:
    config = load_config(project / "demo" / "search.yaml", [])
    spec = EvaluatorSpec(config.resolved(), project / "demo")
    sent = pickle.loads(pickle.dumps(spec))

    assert sent == spec
    with closing(spec.make()) as here, closing(sent.make()) as there:
        assert [knob.name for knob in there.space] == [knob.name for knob in here.space]
        assert there.environment["model_sha256"] == here.environment["model_sha256"]


def test_a_task_that_is_not_there_is_named(project: Path) -> None:
    config = load_config(project / "demo" / "search.yaml", [])
    spec = EvaluatorSpec({**config.resolved(), "task": "other.py:task"}, project / "demo")

    with pytest.raises(ConfigError, match=r"there is no file .*other\.py"):
        spec.make()
