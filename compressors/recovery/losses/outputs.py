"""What a student's outputs are pulled towards: the outputs of a teacher, or the labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ....spaces.errors import ConfigError
from ....spaces.tensors.batch import Outputs, named
from ..recipe import CROSS_ENTROPY, OF_FEATURES, check_losses

Loss = Callable[[Tensor, Tensor], Tensor]
"""Of the outputs of student and teacher, of one shape ``(n, …)``: a scalar, lower is better."""

TEMPERATURE = 4.0


def squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error of the outputs, in units of the teacher's variance.

    Ba, Caruana 2014, "Do Deep Nets Really Need to be Deep?", section 2.2: the logits themselves are regressed on, not
    their softmax. Deviation: divided by the variance of the teacher's outputs over the batch, so that one learning rate
    fits outputs of any scale, regressions included.
    """
    scale = (teacher - teacher.mean(0)).square().mean().clamp(min=torch.finfo(teacher.dtype).tiny)
    return F.mse_loss(student, teacher) / scale


def kullback_leibler(student: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """T² times the mean over samples of KL(teacher ‖ student) of the softmax at temperature T; classes are on axis 1.

    Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network", section 2. The factor T² keeps gradients
    as large as at T = 1.
    """
    towards = F.log_softmax(rows(teacher) / temperature, dim=1)
    given = F.log_softmax(rows(student) / temperature, dim=1)
    return F.kl_div(given, towards, reduction="batchmean", log_target=True) * temperature**2


def dist(student: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """One less the correlation of the softmax outputs, between classes of a sample and between samples of a class.

    Huang et al. 2022, "Knowledge Distillation from A Stronger Teacher", eq. 8 to 10, with β = γ = 1 and no
    cross-entropy.
    """
    s, t = (F.softmax(rows(x) / temperature, dim=1) for x in (student, teacher))
    return (2 - _correlation(s, t) - _correlation(s.T, t.T)) * temperature**2


def cross_entropy(student: Tensor, labels: Tensor, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy against class indices ``(n, …)``, or probabilities of classes ``(n, classes, …)`` of mixed images.

    Of the probability 1 − smoothing is theirs, the rest is spread evenly.

    Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7.
    """
    return F.cross_entropy(student, labels, label_smoothing=smoothing)


DISTILLING: Mapping[str, Loss] = {"mse": squared_error, "kl": kullback_leibler, "dist": dist}
"""Losses that need no labels, by the name that a recipe calls them."""


def loss_of(names: Mapping[str, float]) -> Callable[[Outputs, Outputs, Tensor | None], Tensor]:
    """A weighted sum of the losses of outputs.

    Args:
        names: the weight of each, by name; those of features are left out.

    Returns:
        A function of the student's outputs, the teacher's and the labels. Of several outputs the losses are averaged;
        labels belong to the only one.

    Raises:
        ConfigError: for a loss that does not exist.
    """
    check_losses(names)
    of_outputs = {name: weight for name, weight in names.items() if name not in OF_FEATURES}

    def total(student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        given, wanted = named(student, "output"), named(teacher, "output")
        pairs = [(given[name], wanted[name]) for name in given if given[name].is_floating_point()]
        parts = []
        for name, weight in of_outputs.items():
            if name == CROSS_ENTROPY:
                if labels is None:
                    raise ConfigError("recover: cross_entropy needs a training split with class labels")
                parts.append(weight * cross_entropy(pairs[0][0], labels))
            else:
                loss = DISTILLING[name]
                parts.append(weight * torch.stack([loss(s.float(), t.float()) for s, t in pairs]).mean())
        return torch.stack(parts).sum()

    return total


def rows(outputs: Tensor) -> Tensor:
    """Outputs ``(n, classes, …)`` as ``(n · …, classes)``, activations likewise."""
    return outputs.movedim(1, -1).flatten(0, -2) if outputs.dim() > 2 else outputs


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """The mean of the Pearson correlations of the rows."""
    a, b = (x - x.mean(1, keepdim=True) for x in (a, b))
    return F.cosine_similarity(a, b, dim=1).mean()
