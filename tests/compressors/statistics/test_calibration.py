"""Statistics of the uncompressed network: against plain loops, and computed once."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from parefront.compressors.statistics import calibration
from parefront.compressors.statistics.calibration import Calibration
from parefront.testing.specimen import Specimen, specimen

from ...clocks import HandClock
from ...flat import chain, conv, flatten, images, op, pooled, relu


@pytest.fixture(params=["residual", "depthwise"])
def subject(request: pytest.FixtureRequest) -> Specimen:
    return specimen(request.param)


def layers(net: fx.GraphModule) -> dict[str, nn.Module]:
    return {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def taylor_by_hand(net: fx.GraphModule, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Equation 8 of Molchanov et al. 2019 with one score for each filter, by backward() and a loop over filters."""
    total: dict[str, Tensor] = {}
    for inputs, labels in batches:
        net.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()  # type: ignore[no-untyped-call]
        for name, layer in layers(net).items():
            weight = layer.get_parameter("weight")
            assert weight.grad is not None
            score = torch.stack([(w * g).sum() ** 2 for w, g in zip(weight, weight.grad, strict=True)])
            total[name] = total.get(name, torch.zeros_like(score)) + score.detach()
    net.zero_grad()
    return total


def test_taylor_scores_are_those_of_a_plain_loop(subject: Specimen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "BATCH", 24)
    inputs, labels = subject.images, subject.calibration.labels
    assert labels is not None
    found = Calibration(subject.net, inputs, labels).taylor
    expected = taylor_by_hand(subject.net, [(inputs[i : i + 24], labels[i : i + 24]) for i in (0, 24, 48)])
    assert found.keys() == expected.keys()
    for name, score in expected.items():
        torch.testing.assert_close(found[name], score, rtol=1e-3, atol=1e-9)


def test_without_labels_the_network_is_asked(subject: Specimen) -> None:
    inputs = subject.calibration.inputs[:32]
    own = subject.net(inputs).argmax(1)
    with_labels, without = (Calibration(subject.net, inputs, labels).taylor for labels in (own, None))
    assert all(torch.equal(with_labels[name], without[name]) for name in without)


def test_magnitudes_are_means_of_absolute_outputs(subject: Specimen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "BATCH", 24)
    inputs, outputs = subject.calibration.inputs, {}
    handles = [
        layer.register_forward_hook(lambda _, __, output, name=name: outputs.update({name: output}))
        for name, layer in layers(subject.net).items()
    ]
    subject.net(inputs)
    for handle in handles:
        handle.remove()
    found = Calibration(subject.net, inputs).activation_magnitude
    assert found.keys() == outputs.keys()
    for name, output in outputs.items():
        rows = output.transpose(0, 1).flatten(1)
        torch.testing.assert_close(found[name], rows.abs().mean(1).detach(), rtol=1e-4, atol=1e-6)


def test_each_statistic_is_computed_once(subject: Specimen) -> None:
    data = Calibration(subject.net, subject.calibration.inputs[:8])
    assert data.taylor is data.taylor
    assert data.activation_magnitude is data.activation_magnitude
    assert data.targets is data.targets
    assert len(data.example) == 4


def test_a_costly_network_is_repaired_on_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = images(64, 3, 16, 16)
    net = specimen("plain").net
    macs = specimen("plain").graph.macs
    for affordable, count in ((1e12, 64), (20 * macs, 20), (1, 8)):
        monkeypatch.setattr(calibration, "COMPENSATION_MACS", affordable)
        assert len(Calibration(net, inputs).compensation_inputs) == count


def test_forward_passes_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    monkeypatch.setattr(calibration, "time", clock)
    data = Calibration(specimen("plain").net, images(2, 3, 16, 16))
    for _ in range(2):
        with data.forward():
            clock.sleep(0.01)
    assert data.forward_seconds == pytest.approx(0.02)


def test_a_layer_before_an_operator_without_a_gradient_has_no_taylor_score() -> None:
    inputs = images(8, 3, 4, 4)
    net = chain(
        inputs[:1], a=conv(3, 4), sine=op("Sin"), b=conv(4, 4), act=relu(), pool=pooled(), flat=flatten(),
        head=nn.Linear(4, 3),
    )  # fmt: skip
    scores = Calibration(net, inputs).taylor
    assert not scores["a"].any()
    assert scores["b"].any()
