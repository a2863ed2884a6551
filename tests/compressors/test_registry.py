"""Compressors by name: those of the project, those of other packages, and one clear line for those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.compressors.registry import create, find, known
from parefront.compressors.structure.prune_channels import PruneChannels, PruneOptions
from parefront.compressors.target import Target
from parefront.spaces.errors import ConfigError

FOREIGN = """
from parefront.compressors import Compressor, CompressorOptions, Plan, Stage

class Options(CompressorOptions):
    strength: int = 3

class Foreign(Compressor):
    name = "foreign"
    stage = Stage.SPARSIFY
    Options = Options

    def plan(self, graph):
        return Plan(self.name, self.stage, [], lambda net, choices, context: net)

def not_a_class():
    return None
"""


@pytest.fixture
def foreign_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that registers a compressor, and something that is none."""
    (tmp_path / "tests_foreign_compressor.py").write_text(FOREIGN)
    info = tmp_path / "foreign-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[parefront.compressors]\n"
        "foreign = tests_foreign_compressor:Foreign\n"
        "broken = tests_foreign_compressor:not_a_class\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_projects_own_are_known() -> None:
    assert {"drop_blocks", "prune_channels", "quantize"} <= known().keys()
    assert find("prune_channels") is PruneChannels


def test_options_come_from_the_config() -> None:
    target = Target(vector_width=8)
    made = create("prune_channels", {"criterion": "taylor", "ratios": [0.5, 0]}, target)
    assert made.options == PruneOptions(criterion="taylor", ratios=(0.0, 0.5))
    assert made.target is target


@pytest.mark.usefixtures("foreign_package")
def test_a_package_registers_by_entry_point() -> None:
    assert {"foreign", "quantize"} <= known().keys()
    assert create("foreign", {"strength": 5}).options.model_dump(exclude_unset=True) == {"strength": 5}


@pytest.mark.usefixtures("foreign_package")
def test_what_is_registered_must_be_a_compressor() -> None:
    with pytest.raises(ConfigError, match="compressor 'broken': expected a subclass of Compressor, got <function"):
        create("broken")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("quantise", {}, "unknown compressor 'quantise'; did you mean 'quantize'?"),
        ("zzz", {}, "unknown compressor 'zzz'; known: drop_blocks, "),
        ("quantize", {"bit": [8]}, "compress.quantize: unknown option 'bit'; did you mean 'bits'?"),
        ("quantize", {"bits": [16]}, "compress.quantize: bits: "),
        ("quantize", {"bits": "int8"}, "compress.quantize: bits: "),
        ("quantize", {"images": 0}, "compress.quantize: images: "),
        ("quantize", {"ranges": "max"}, "expected min_max, percentile, mse"),
        (
            "drop_blocks",
            {"compensate": "magic"},
            "expected block_reconstruction, least_squares, covariance, batch_norm, none",
        ),
        (
            "prune_channels",
            {"criterion": "l3"},
            "expected l1, l2, bn_scale, fpgm, taylor, activation, apoz, hessian, group_l2, lasso, random",
        ),
        ("prune_channels", {"ratios": [0.5, 1.0]}, "each at least 0 and below 1"),
        ("prune_channels", {"ratios": [-0.5]}, "each at least 0 and below 1"),
        ("prune_channels", {"ratios": []}, "each at least 0 and below 1"),
        ("prune_channels", {"round_to": 0}, "compress.prune_channels: round_to"),
        ("prune_channels", {"round_to": "some"}, "compress.prune_channels: round_to"),
        (
            "prune_channels",
            {"compensate": "magic"},
            "expected block_reconstruction, least_squares, covariance, batch_norm, none",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        create(name, options)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
