"""What activations inside of a student are pulled towards: those of the teacher at the same place.

All take activations of student and teacher, ``(n, channels, …)`` with the same spatial axes, and give a scalar; lower
is better. :data:`OF_ANY_WIDTH` compare networks of different widths, the others need as many channels in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor

from .outputs import rows, squared_error

FeatureLoss = Callable[[Tensor, Tensor], Tensor]


def features(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error, in units of the teacher's variance.

    Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", eq. 3, without its stage of training of its own: beside the
    losses of the outputs. Deviation: divided by the variance of each channel's activations over samples and positions,
    averaged over channels, so that the places of a network count alike.
    """
    return squared_error(rows(student), rows(teacher))


def cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """One less the cosine between the channels of student and teacher, averaged over samples and positions."""
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()


def attention(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of the attention maps of both, each of length 1, averaged over samples.

    Zagoruyko, Komodakis 2017, "Paying More Attention to Attention", eq. 2, with p = 2 and the map Σ|A|² over channels
    of section 3.1. Deviation: the distance is squared, as in the authors' program, since its gradient has no limit
    where both agree; without the factor β/2, which is the recipe's weight.
    """
    return (_map(student) - _map(teacher)).square().sum(1).mean()


def similarity(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of the rows of both matrices of similarities between the samples of the batch.

    Tung, Mori 2019, "Similarity-Preserving Knowledge Distillation", eq. 1 to 4. Deviation: divided by the batch's size
    instead of its square, so that the loss lies between 0 and 2, whatever the batch; the paper's weight of 3,000 at 128
    samples is 23 here.
    """
    return (_similarities(student) - _similarities(teacher)).square().sum(1).mean()


FEATURE_LOSSES: Mapping[str, FeatureLoss] = {
    "features": features, "cosine": cosine, "attention": attention, "similarity": similarity,
}  # fmt: skip
"""By the name that a recipe calls them."""
OF_ANY_WIDTH = frozenset({"attention", "similarity"})


def _map(activation: Tensor) -> Tensor:
    """Where a network looks: ``(n, positions)``, each row of length 1."""
    return F.normalize(activation.square().sum(1).flatten(1), dim=1)


def _similarities(activation: Tensor) -> Tensor:
    """Products of all pairs of samples, ``(n, n)``, each row of length 1."""
    samples = activation.flatten(1)
    return F.normalize(samples @ samples.T, dim=1)
