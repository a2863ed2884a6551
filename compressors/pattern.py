"""What stays as it is while a weight that the file packs is trained: its zeros, and which of its values are equal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..spaces.network.packing import is_packed


def mark_clustered(layer: nn.Module, values: Tensor) -> None:
    """Have weights of ``layer`` that are equal stay equal in training.

    Args:
        values: those that its weights take, ``(k,)``, in any order; zero need not be among them.
    """
    layer.cluster_values = values.sort().values


class Pattern(nn.Module):
    """The zeros of a weight, and its clusters of equal values.

    Pruned weights stay zero (Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks",
    section 3). Of each cluster the first weight is trained, for all of them: it gets the sum of their gradients (Han,
    Mao, Dally 2016, "Deep Compression", section 3.3).

    Attributes:
        kept: which weights are not zero, bool of the weight's shape.
        first: for each weight the flat index of the first one of its cluster, int32 of shape ``(n,)``; None where each
            is trained by itself.
    """

    kept: Tensor
    first: Tensor | None

    def __init__(self, kept: Tensor, first: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("kept", kept)
        self.register_buffer("first", first)

    @classmethod
    def of(cls, layer: nn.Module) -> Pattern | None:
        """That of a layer as it stands; None for one that is not marked to be packed."""
        if not is_packed(layer):
            return None
        weight = layer.get_parameter("weight").detach()
        return cls(weight != 0, _firsts(weight, getattr(layer, "cluster_values", None)))

    def forward(self, weight: Tensor) -> Tensor:
        """``weight`` with the pattern; itself, exactly, where it has it."""
        held = weight if self.first is None else weight.flatten().index_select(0, self.first).view(weight.shape)
        return torch.where(self.kept, held, held.detach() * 0)


def _firsts(weight: Tensor, values: Tensor | None) -> Tensor | None:
    """See :attr:`Pattern.first`; None, too, where weights were changed one by one since they were clustered."""
    if values is None:
        return None
    flat = weight.flatten()
    places, kept = torch.arange(len(flat)), flat != 0
    cluster = torch.searchsorted(values, flat).clamp_max(len(values) - 1)
    firsts = torch.full((len(values),), len(flat)).scatter_reduce(0, cluster[kept], places[kept], "amin")
    first = torch.where(kept, firsts[cluster], places)
    return first.to(torch.int32) if torch.equal(flat[first], flat) else None
