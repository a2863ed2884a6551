"""Tensor decompositions of a layer's weights: truncated SVD, Tucker-2 and CP, each weighted by what the layer reads."""

from __future__ import annotations

import torch
from torch import Tensor


def truncated(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best rank-``rank`` approximation ``left @ right``, shapes ``(m, n)`` → ``(m, rank)``, ``(rank, n)``.

    Eckart & Young 1936. The singular values go to the right factor.
    """
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return left[:, :rank], values[:rank, None] * right[:rank]


def tucker2(kernel: Tensor, rank_out: int, rank_in: int, sweeps: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Tucker decomposition of the channel modes of ``(out, in, …)`` by higher-order orthogonal iteration.

    De Lathauwer, De Moor, Vandewalle 2000, algorithm 4.2; for convolutions Kim et al. 2016, "Compression of Deep
    Convolutional Neural Networks for Fast and Low Power Mobile Applications", eq. 3.

    Returns:
        Outputs ``(out, rank_out)``, core ``(rank_out, rank_in, …)``, inputs ``(in, rank_in)``.
    """
    flat = kernel.flatten(2)
    inputs = _leading(flat.transpose(0, 1).flatten(1), rank_in)
    outputs = _leading(flat.flatten(1), rank_out)
    for _ in range(sweeps):
        inputs = _leading(torch.einsum("oit,or->irt", flat, outputs).flatten(1), rank_in)
        outputs = _leading(torch.einsum("oit,ir->ort", flat, inputs).flatten(1), rank_out)
    core = torch.einsum("oit,or,is->rst", flat, outputs, inputs)
    return outputs, core.reshape(rank_out, rank_in, *kernel.shape[2:]), inputs


def cp(kernel: Tensor, rank: int, sweeps: int = 60, tolerance: float = 1e-5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """CP decomposition of ``(out, in, height, width)`` by alternating least squares, started from singular vectors.

    Lebedev et al. 2015, "Speeding-up Convolutional Neural Networks Using Fine-tuned CP-Decomposition", eq. 3. Stops
    when a sweep betters the relative error by less than ``tolerance``.

    Returns:
        A factor for each mode, ``(out, rank)``, ``(in, rank)``, ``(height, rank)``, ``(width, rank)``.
    """
    generator = torch.Generator().manual_seed(0)
    factors = [_start(_unfold(kernel, mode), rank, generator) for mode in range(4)]
    grams = [factor.T @ factor for factor in factors]
    total, before = float(kernel.square().sum()), 1.0
    for _ in range(sweeps):
        for mode in range(4):
            product = _contract(kernel, factors, mode)
            others = [gram for index, gram in enumerate(grams) if index != mode]
            system = others[0] * others[1] * others[2]
            system = system + 1e-7 * float(system.diagonal().mean()) * torch.eye(rank)
            factors[mode] = torch.linalg.solve(system, product.T).T
            if mode < 3:
                factors[mode] = factors[mode] / torch.linalg.vector_norm(factors[mode], dim=0).clamp_min(1e-12)
            grams[mode] = factors[mode].T @ factors[mode]
        fitted = float((grams[0] * grams[1] * grams[2] * grams[3]).sum())
        error = max(0.0, total + fitted - 2 * float((product * factors[3]).sum())) / total
        if before - error < tolerance * before:
            break
        before = error
    return factors[0], factors[1], factors[2], factors[3]


def energy_rank(energies: Tensor, share: float) -> int:
    """How many of the largest energies (squared singular values) hold ``share`` of their sum; at least one."""
    ordered = energies.clamp_min(0).sort(descending=True).values.double()
    held = ordered.cumsum(0) / ordered.sum().clamp_min(1e-30)
    return int(min(len(ordered), int((held < share - 1e-9).sum()) + 1))


def _leading(matrix: Tensor, count: int) -> Tensor:
    """The leading left singular vectors, from the smaller Gram matrix."""
    vectors: Tensor = torch.linalg.eigh(matrix @ matrix.T).eigenvectors
    return vectors.flip(1)[:, :count].contiguous()


def _unfold(tensor: Tensor, mode: int) -> Tensor:
    return tensor.movedim(mode, 0).flatten(1)


def _start(unfolded: Tensor, rank: int, generator: torch.Generator) -> Tensor:
    """Leading left singular vectors; random columns where the rank is beyond their number."""
    found = _leading(unfolded, min(rank, unfolded.shape[0]))
    missing = rank - found.shape[1]
    return torch.cat([found, torch.randn(len(found), missing, generator=generator)], 1) if missing else found


def _contract(kernel: Tensor, factors: list[Tensor], mode: int) -> Tensor:
    """The unfolded kernel times the Khatri–Rao product of all factors but one, shape ``(size of mode, rank)``."""
    names = "oihw"
    others = [index for index in range(4) if index != mode]
    terms = ",".join(f"{names[index]}r" for index in others)
    return torch.einsum(f"oihw,{terms}->{names[mode]}r", kernel, *(factors[index] for index in others))
