"""What every repair owes, as a test suite: subclass it, give one fixture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import fx

from ..compressors.context import Context
from ..compressors.pipeline import Pipeline
from ..compressors.plan import weights
from ..compressors.registry import create
from ..compressors.repair.repair import Repair
from ..evaluators.quality.accuracy import open_session
from ..evaluators.quality.parity import check_parity
from ..spaces.network.emit import emit
from .networks import OverNetworks
from .specimen import Specimen, specimen
from .state import assert_nothing_kept, state_of


class RepairConformance(OverNetworks):
    """The suite for a :class:`~parefront.compressors.Repair`, run on four small networks at half their width.

    ::

        class TestMine(RepairConformance):
            @pytest.fixture
            def repair(self) -> Repair:
                return Mine()

    Attributes:
        networks: names in ``NETWORKS``; a subclass may leave some out.
    """

    def test_it_has_a_name_and_a_strength(self, repair: Repair) -> None:
        assert isinstance(repair, Repair)
        assert repair.name.isidentifier()
        assert repair.strength >= 0

    def test_structure_stays_and_the_file_computes_what_torch_does(
        self, network: str, repair: Repair, tmp_path: Path
    ) -> None:
        subject = specimen(network)
        net = _pruned(subject)
        graph, count = str(net.graph), weights(net)
        repair.repair(net, _context(subject))
        assert str(net.graph) == graph
        assert weights(net) == count
        images = subject.images[:5]
        session = open_session(emit(net, tmp_path / "repaired.onnx", images).path, threads=1)
        for batch in (1, 5):
            check_parity(session, net, images[:batch])

    def test_the_uncompressed_network_is_untouched(self, network: str, repair: Repair) -> None:
        subject = specimen(network)
        before = {name: tensor.clone() for name, tensor in subject.net.state_dict().items()}
        repair.repair(_pruned(subject), _context(subject))
        assert all(torch.equal(before[name], tensor) for name, tensor in subject.net.state_dict().items())

    def test_equal_networks_are_repaired_equally(self, network: str, repair: Repair, tmp_path: Path) -> None:
        subject = specimen(network)
        first, second = _pruned(subject), _pruned(subject)
        for net in (first, second):
            repair.repair(net, _context(subject))
        files = [emit(net, tmp_path / "repaired.onnx", subject.images[:2]).sha256 for net in (first, second)]
        assert files[0] == files[1]

    def test_nothing_is_kept_between_calls(self, network: str, repair: Repair) -> None:
        """What it finds out about a network it may ask of ``context.calibration.once``, but not hold itself."""
        subject, held = specimen(network), state_of(repair)
        repair.repair(_pruned(subject), _context(subject))
        assert_nothing_kept(repair, held)


def _context(subject: Specimen) -> Context:
    return Context(subject.graph, subject.calibration)


def _pruned(subject: Specimen) -> fx.GraphModule:
    """Half of the channels gone, nothing repaired."""
    pruner = create("prune_channels", {"ratios": [0, 0.5], "round_to": 2, "compensate": "none"})
    pipeline = Pipeline.of([pruner], subject.graph)
    return pipeline.apply(subject.net, pipeline.space.uniform({"prune_channels": 0.5}), _context(subject))
