"""Which input channels a layer can do without: the order in which they enter its LASSO path."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, fx, nn

from ...spaces.network.graph import Slice
from ..statistics.calibration import Calibration
from ..statistics.sampling import is_dense, reads_of

ROWS = 512
"""Most places of a layer that are looked at."""
VALUES = 2**20
"""Most inputs of a layer that are kept, 64 places at the least."""
PAIRS = 8192
"""Most outputs at places that a Gram matrix sums over, and 16 for each channel."""
RIDGE = 1e-6
"""Of the mean diagonal, added to it: what makes the path unique where channels repeat each other."""
SMALLEST = 1e-7
"""Share of the first penalty at which the path is left."""
EVENTS = 8
"""Most times for each channel that one joins or leaves."""


def group_gram(net: fx.GraphModule, part: Slice, channels: int, calibration: Calibration) -> np.ndarray | None:
    """Gram matrix of what each channel of a group adds to the outputs of a layer that reads it, less the mean.

    Shape ``(channels, channels)``; None where the layer is no dense one. The uncompressed network's inputs at sampled
    places are kept once a run.
    """
    reads = calibration.once("lasso", lambda: _reads(calibration))
    layer = net.get_submodule(part.layer)
    if part.layer not in reads or not is_dense(layer):
        return None
    weight = layer.get_parameter("weight").detach()
    kernel = weight.flatten(2).transpose(1, 2) if weight.dim() == 4 else weight.unsqueeze(1)
    read = reads[part.layer]
    columns = torch.from_numpy(part.locals)
    centred, kernel = (read - read.mean(0))[:, :, columns], kernel[:, :, columns]
    total = torch.zeros(channels, channels, dtype=torch.float64)
    for places, outputs in _pairs(len(read), len(weight), channels, kernel[0].numel(), zlib.crc32(part.layer.encode())):
        added = (centred[places] * kernel[outputs]).sum(1)
        by_root = torch.zeros(len(added), channels).index_add_(1, torch.from_numpy(part.roots), added)
        total += (by_root.T @ by_root).double()
    return total.numpy()


def entry_penalties(gram: np.ndarray) -> np.ndarray:
    """For each channel the largest penalty λ at which its factor β is not zero (0: at none), shape ``(channels,)``.

    He, Zhang, Sun 2017, eq. 2: ``min ½ ‖Y − Σ_c β_c Z_c‖² + λ ‖β‖₁`` with ``Y = Σ_c Z_c`` and ``Z_c`` what channel c
    adds to the outputs, so that β = 1 at λ = 0. Deviations: λ is not raised until few enough channels are left, but
    the whole path is followed, exactly and from its upper end (Efron et al. 2004, "Least Angle Regression", section
    3.1), which ranks the channels for every width at once; and weights are as they stand rather than of norm one, so
    that a channel that is scaled up, and read with weights scaled down, stays as important.

    Args:
        gram: ``Z_c · Z_c'``, shape ``(channels, channels)``.
    """
    count = len(gram)
    swept = gram + np.eye(count) * (RIDGE * float(gram.diagonal().mean()))
    slack = gram.sum(1)
    penalty = float(np.abs(slack).max())
    least = SMALLEST * penalty
    scratch, entered, beta, sign = np.empty_like(swept), np.zeros(count), np.zeros(count), np.zeros(count)
    channel = int(np.abs(slack).argmax())
    for _ in range(EVENTS * count):
        if penalty <= least:
            break
        joins = sign[channel] == 0
        _sweep(swept, channel, joins, scratch)
        sign[channel] = np.sign(slack[channel]) if joins else 0.0
        beta[channel] = 0.0
        entered[channel] = max(entered[channel], penalty)
        change = swept @ sign
        step, fall = np.where(sign != 0, -change, 0.0), np.where(sign != 0, sign, change)
        away = None if joins else channel
        length, channel = _next(penalty, slack, fall, beta, step, sign, away)
        length = min(length, penalty)
        beta, slack, penalty = beta + length * step, slack - length * fall, penalty - length
    return entered


def _next(
    penalty: float, slack: np.ndarray, fall: np.ndarray, beta: np.ndarray, step: np.ndarray, sign: np.ndarray,
    away: int | None,
) -> tuple[float, int]:  # fmt: skip
    """How far the penalty can fall until a channel joins (its slack is as great) or leaves (its β is 0); and which.

    Args:
        slack: correlation of each channel with what is left of the outputs; of those in, ± the penalty.
        fall, step: how slack falls, and β grows, for each unit that the penalty falls.
        away: the channel that has just left.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(fall < 1, (penalty - slack) / (1 - fall), np.inf)
        below = np.where(fall > -1, (penalty + slack) / (1 + fall), np.inf)
        leaving = np.where(beta * step < 0, -beta / step, np.inf)
    lengths = np.where(sign == 0, np.maximum(np.minimum(above, below), 0.0), leaving)
    if away is not None:
        lengths[away] = np.inf
    channel = int(lengths.argmin())
    return float(lengths[channel]), channel


def _sweep(matrix: np.ndarray, index: int, joins: bool, scratch: np.ndarray) -> None:
    """Sweep a symmetric matrix on one index, or take that back, in place (Goodnight 1979, "A Tutorial on the SWEEP
    Operator"): its block of the swept indices becomes minus the inverse of what it was."""
    column = matrix[index].copy()
    pivot = column[index]
    np.multiply.outer(column / pivot, column, out=scratch)
    matrix -= scratch
    matrix[index] = matrix[:, index] = column / pivot if joins else -column / pivot
    matrix[index, index] = -1 / pivot


def _reads(calibration: Calibration) -> dict[str, Tensor]:
    """What each dense layer of the uncompressed network reads at sampled places, ``(n, taps, in)``."""
    return reads_of(calibration.net, calibration.compensation_inputs, calibration.targets, _few)


def _few(_: nn.Module, read: Tensor) -> Tensor:
    rows = min(ROWS, max(64, VALUES // read[0].numel()))
    return read[:: -(-len(read) // rows)].clone()


def _pairs(places: int, outputs: int, channels: int, taps: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Places and outputs to sum over: all of them or a random sample, in parts that fit into memory."""
    wanted = max(PAIRS, 16 * channels)
    if places * outputs <= wanted:
        chosen = torch.arange(places * outputs)
    else:
        chosen = torch.randint(places * outputs, (wanted,), generator=torch.Generator().manual_seed(seed))
    for part in torch.split(chosen, max(1, 2**22 // taps)):
        yield part // outputs, part % outputs
