"""About how much memory a search will take, said before it takes it; refused where the machine can never have it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..spaces.errors import ConfigError
from ..spaces.network.graph import Layer, ModelGraph

PROGRAM_BYTES = 1.1e9
"""Of the search's process without any weights: torch, the runtime, what both keep for themselves."""
SHARED_BYTES = 0.45e9
"""Of those, what the processes of a pool have together: the libraries' code."""
WORKER_BYTES = 0.1e9
COPIES, LEAST_COPIES = 5.0, 3.0
"""Of the weights in the search's process: the model, the traced network, what a candidate changes, a session on its
file and what is made on the way. The least are network, session and what is read of the file meanwhile."""
WORKER_COPIES = 4.5
"""In the worker: two sessions, of which the second is made from the bytes of its file, which are read and parsed."""
COVARIANCE_LIMIT = 4608
"""Most weights to an output whose inputs' covariance the repair ``covariance`` holds."""
GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux tells how much a container may take."""


@dataclass(frozen=True)
class MemoryNeed:
    """Estimates in bytes.

    Attributes:
        search: the peak of the search's process.
        worker: that of the worker on this machine; 0 where all devices are elsewhere.
        least: what both take for certain.
        pool: the peak of all processes of a pool; 0 where candidates are made in the search's own.
    """

    search: float
    worker: float
    least: float
    pool: float = 0.0

    @classmethod
    def of(
        cls, graph: ModelGraph, compress: Mapping[str, Mapping[str, Any]], local: bool, processes: int = 0
    ) -> MemoryNeed:
        """What a search over a network with these methods takes.

        Args:
            graph: of the uncompressed network.
            compress: options by compressor name.
            local: whether a worker runs on this machine.
            processes: of a pool, each of which makes and scores candidates as the search's own would.
        """
        weights = 4.0 * graph.params
        worker = WORKER_BYTES + WORKER_COPIES * weights if local else 0.0
        search = PROGRAM_BYTES + COPIES * weights + _statistics(graph, compress)
        pool = processes * (search - SHARED_BYTES)
        return cls(search, worker, PROGRAM_BYTES + LEAST_COPIES * weights + worker, pool)

    def __str__(self) -> str:
        beside = f", {_gb(self.worker)} of it the device's worker" if self.worker else ""
        beside += f", {_gb(self.pool)} of it the pool's workers" if self.pool else ""
        return f"about {_gb(self._all)} of memory{beside}"

    @property
    def _all(self) -> float:
        return self.search + self.worker + self.pool

    def warning(self) -> str | None:
        """What to say where the machine has less free; None where it is enough, or nobody knows.

        Raises:
            ConfigError: where the machine has less than is needed for certain.
        """
        free, most = machine_memory()
        if most is not None and self.least > most:
            raise ConfigError(
                f"a search over this model needs at least {_gb(self.least)} of memory, and this machine has "
                f"{_gb(most)}; search on one that has more, or a smaller model"
            )
        if free is None or self._all <= free:
            return None
        return (
            f"the search will take {self}, and {_gb(free)} are free: it may be slow, or be killed; end other programs, "
            f"{'take fewer workers, ' if self.pool else ''}or leave low_rank out where layers are wide"
        )


def machine_memory(meminfo: Path = Path("/proc/meminfo")) -> tuple[float | None, float | None]:
    """Bytes that are free, and all that this machine or its container has, swap included; None where unknown."""
    told: dict[str, float] = {}
    with suppress(OSError, ValueError):
        for line in meminfo.read_text().splitlines():
            name, _, rest = line.partition(":")
            told[name] = 1024.0 * float(rest.split()[0])
    free, total = told.get("MemAvailable"), told.get("MemTotal")
    if total is None:
        return None, None
    limit = min([math.inf, *map(_limit, GROUPS)])
    swap = told.get("SwapTotal", 0.0)
    return None if free is None else min(free + told.get("SwapFree", 0.0), limit), min(total + swap, limit)


def _limit(path: str) -> float:
    with suppress(OSError, ValueError):
        return float(Path(path).read_text())
    return math.inf


def _statistics(graph: ModelGraph, compress: Mapping[str, Mapping[str, Any]]) -> float:
    """Covariances of layers' inputs, with eigenvectors for ``low_rank``; of whole patches for a repair by them."""
    dense = [layer for layer in graph.layers if layer.kind in ("conv", "linear")]
    widths = [_width(layer) for layer in dense] if "low_rank" in compress else []
    patches = [_width(layer) * math.prod(layer.kernel) for layer in dense]
    by_covariance = any(options.get("compensate") == "covariance" for options in compress.values())
    held = 2 * sum(width**2 for width in widths) + 6 * max(widths, default=0) ** 2
    held += sum(patch**2 for patch in patches if by_covariance and patch <= COVARIANCE_LIMIT)
    return 4.0 * held


def _width(layer: Layer) -> int:
    """Input channels of a layer."""
    return (layer.in_shape[-1] if layer.kind == "linear" else layer.in_shape[0]) if layer.in_shape else 0


def _gb(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
