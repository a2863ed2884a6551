"""The running average of weights is that of its formula, and is what is put in their place."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from parefront.compressors.recovery.average import Average


def test_it_follows_the_weights_and_takes_their_place() -> None:
    weight = nn.Parameter(torch.zeros(3))
    average, wanted = Average([("weight", weight)], 0.9), 0.0
    for step in range(1, 201):
        weight.data.fill_(float(step))
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * step
    average.put()
    assert weight.tolist() == pytest.approx([wanted] * 3, rel=1e-5)
    assert wanted == pytest.approx(191.0, abs=0.1)  # on a slope of 1 it lags by α / (1 − α)


def test_it_is_taken_up_from_its_state() -> None:
    weight = nn.Parameter(torch.ones(2))
    average, other = Average([("weight", weight)], 0.5), Average([("weight", weight)], 0.5)
    weight.data.fill_(5.0)
    average.update(40)
    other.resume({name: tensor.clone() for name, tensor in average.state().items()})
    other.put()
    assert weight.tolist() == [3.0, 3.0]
