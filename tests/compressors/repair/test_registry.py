"""Repairs by name: the project's own, those of other packages, and one clear line for those that are none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from parefront.compressors.registry import create
from parefront.compressors.repair.compensate import LeastSquares
from parefront.compressors.repair.registry import BUILT_IN, RepairNames, repair_of
from parefront.spaces.errors import ConfigError, Infeasible

from ..conftest import MakeBench

FOREIGN = """
import torch
from parefront.compressors import Repair

class Foreign(Repair):
    name = "foreign"

    def apply(self, net, context):
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.data.fill_(0.25)

class Overflowing(Repair):
    name = "overflowing"

    def apply(self, net, context):
        next(net.parameters()).data.fill_(float("inf"))

class Narrowing(Repair):
    name = "narrowing"

    def apply(self, net, context):
        layer = net.get_submodule("9")
        layer.weight = torch.nn.Parameter(layer.weight[:, :-1])

def not_a_class():
    return None
"""
POINTS = {name: name.title() for name in ("foreign", "overflowing", "narrowing", "gone")} | {"broken": "not_a_class"}


@pytest.fixture(scope="module", autouse=True)
def foreign_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An installed package that registers repairs, and something that is none."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "tests_foreign_repair.py").write_text(FOREIGN)
    info = folder / "foreign_repair-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-repair\nVersion: 1.0\n")
    lines = [f"{name} = tests_foreign_repair:{place}\n" for name, place in POINTS.items()]
    (info / "entry_points.txt").write_text("[parefront.repairs]\n" + "".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


def test_the_projects_own_are_listed_first_the_strongest_before_all() -> None:
    assert list(BUILT_IN) == ["block_reconstruction", "least_squares", "covariance", "batch_norm", "none"]
    assert list(RepairNames())[:5] == list(BUILT_IN)
    strengths = [repair.strength for repair in BUILT_IN.values()]
    assert strengths == sorted(strengths, reverse=True)
    assert isinstance(repair_of("least_squares"), LeastSquares)


def test_a_package_registers_by_entry_point() -> None:
    assert "foreign" in RepairNames()
    assert len(RepairNames()) == len(BUILT_IN) + len(POINTS)
    assert repair_of("foreign").name == "foreign"


def test_a_repair_of_another_package_is_run_where_the_config_names_it(bench: MakeBench) -> None:
    pruned = bench("plain", prune_channels={"compensate": "foreign"}).uniform(prune_channels=0.5)
    assert all(bool((p == 0.25).all()) for name, p in pruned.named_parameters() if name.endswith("bias"))


def test_what_was_asked_for_by_name_is_preferred_to_what_is_a_default(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={}, prune_channels={"compensate": "foreign"})
    both = subject.apply({"drop_blocks/2": True, "prune_channels/3.conv1.0": 0.5})
    assert bool((both.get_parameter("8.bias") == 0.25).all())
    dropped = subject.apply({"drop_blocks/2": True})
    assert torch.equal(dropped.get_parameter("8.bias"), subject.net.get_parameter("8.bias"))


@pytest.mark.parametrize(
    ("name", "says"),
    [("overflowing", "overflowing left non-finite outputs"), ("narrowing", "narrowing changed the shape of 9.weight")],
)
def test_a_repair_that_leaves_no_working_network_is_infeasible(name: str, says: str, bench: MakeBench) -> None:
    with pytest.raises(Infeasible, match=says):
        bench("plain", prune_channels={"compensate": name}).uniform(prune_channels=0.5)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("magic", "compensate: Value error, expected block_reconstruction, least_squares, covariance, batch_norm, "),
        ("magic", "batch_norm, none, broken, foreign, "),
        ("broken", "repair 'broken': expected a subclass of Repair, got <function"),
        ("gone", "repair 'gone' cannot be imported from tests_foreign_repair:Gone: "),
    ],
)
def test_what_is_no_repair_is_told_in_one_line(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        create("prune_channels", {"compensate": name})
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
