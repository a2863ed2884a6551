"""The latency of a file with early exits: each way through it is timed, and counts by the samples that take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import hypot
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray

from ....compressors.exits.exit import only_at
from ....spaces.files import read_bytes, write_bytes
from ....spaces.network.branches import THRESHOLD, flatten, thresholds, with_thresholds
from ...device.latency import Latency, LatencyProtocol
from ...quality.inference import Inputs, output_batches
from ...restore.exact_session import exact_session
from ...results.measurement import Measurement

Read = Callable[[Path, LatencyProtocol], Latency]
"""Times a file."""
WaysOf = Callable[[Path], "Sequence[Way]"]


@dataclass(frozen=True)
class Way:
    """A way through a file, which any input takes where it is timed.

    Attributes:
        content: the file with other thresholds, which is all that it differs in.
        share: of the samples that take it, above zero.
    """

    content: bytes
    share: float


def ways_of(artifact: Path, inputs: Callable[[], Inputs], batch: int = 1) -> list[Way]:
    """The ways that samples take through a file, the shortest first; none of a file without exits.

    Args:
        artifact: an ONNX file.
        inputs: gives the samples, shape ``(n, …)``, in random order; not called without exits.
        batch: how many run together: they go as far as the one of them that leaves last.
    """
    content = read_bytes(artifact)
    count = len(thresholds(content))
    if not count:
        return []
    alone = exits_taken(content, inputs())
    together = alone[: max(1, len(alone) // batch) * batch].reshape(-1, min(batch, len(alone))).max(axis=1)
    taken = np.bincount(together, minlength=count + 1)
    shares = [float(share) for share in taken / taken.sum()]
    return [Way(with_thresholds(content, only_at(way, count)), share) for way, share in enumerate(shares) if share > 0]


def has_exits(artifact: Path) -> bool:
    """Whether inputs may leave a file early, so that how long it takes depends on its weights."""
    return bool(thresholds(read_bytes(artifact)))


def exits_taken(content: bytes, inputs: Inputs) -> NDArray[np.intp]:
    """At which exit each sample leaves a file, shape ``(n,)``; the number of exits for those that leave at none."""
    limits = np.array(thresholds(content), np.float32)
    session = exact_session(_confidences(content))
    found = []
    for given in output_batches(session, inputs):
        columns = given.parts.values() if not isinstance(given, np.ndarray) else [given]
        leaves = np.concatenate([*columns], axis=1) >= limits
        found.append(np.where(leaves.any(1), leaves.argmax(1), len(limits)))
    return np.concatenate(found)


def _confidences(content: bytes) -> bytes:
    """A file that gives the confidence of every exit, in their order, and computes no more than that takes."""
    model = ir.from_proto(onnx.ModelProto.FromString(content))
    graph = model.graph
    flatten(graph)
    limits = [value for name, value in graph.initializers.items() if name.endswith(THRESHOLD)][::-1]
    compared = [next(user for user, _ in limit.uses() if str(user.name).endswith(".leaves")) for limit in limits]
    graph.outputs.clear()
    for index, node in enumerate(compared):
        (same,) = ir.node("Identity", [node.inputs[0]], name=f"exit_{index}").outputs
        same.name, same.type = f"exit_{index}", ir.TensorType(ir.DataType.FLOAT)
        graph.append(same.producer())
        graph.outputs.append(same)
    for node in reversed(list(graph)):
        if not any(output.is_graph_output() or output.uses() for output in node.outputs):
            graph.remove(node, safe=True)
    return bytes(ir.to_proto(model).SerializeToString())


def read_ways(read: Read, ways: Sequence[Way], protocol: LatencyProtocol) -> Latency:
    """The latency over all ways, each of which is timed by the protocol, see :func:`mixed`."""
    timed = []
    with TemporaryDirectory(prefix="parefront-exits-") as folder:
        for index, way in enumerate(ways):
            path = Path(folder) / f"way-{index}.onnx"
            write_bytes(path, way.content)
            timed.append(read(path, protocol))
    return mixed(timed, [way.share for way in ways])


def mixed(timed: Sequence[Latency], shares: Sequence[float]) -> Latency:
    """The latency of samples of which these shares take so long.

    Latency, ratio and energy are means over the samples; half-widths of their intervals add in quadrature, shares being
    taken as they are. A percentile is that of the way which samples of that rank take, the ways in order of their time:
    of two ways, of which the slower one takes 30 % of the samples, p99 is the slower one's, at or above that of all.
    """
    slowest = max(timed, key=lambda one: one.latency_ms.value)
    energies = [one.energy_mj for one in timed if one.energy_mj is not None]
    ranked = sorted(zip(timed, shares, strict=True), key=lambda pair: pair[0].latency_ms.value)
    reached = list(accumulate(share for _, share in ranked))

    def at(rank: float) -> Latency:
        return next((one for (one, _), upto in zip(ranked, reached, strict=True) if upto >= rank), slowest)

    noisy = any(one.noisy for one in timed)
    return replace(
        slowest,
        latency_ms=_mean([one.latency_ms for one in timed], shares),
        reference_ms=_mean([one.reference_ms for one in timed], shares),
        ratio=_mean([one.ratio for one in timed], shares),
        p50_ms=at(0.5).p50_ms,
        p90_ms=at(0.9).p90_ms,
        p50=at(0.5).p50,
        p95=at(0.95).p95,
        p99=at(0.99).p99,
        runs=sum(one.runs for one in timed),
        dropped=sum(one.dropped for one in timed),
        noisy=noisy,
        seconds=sum(one.seconds for one in timed),
        energy_mj=_mean(energies, shares) if len(energies) == len(timed) else None,
        why_noisy=tuple(dict.fromkeys(reason for one in timed for reason in one.why_noisy)),
    )


def _mean(measured: Sequence[Measurement], shares: Sequence[float]) -> Measurement:
    pairs = list(zip(measured, shares, strict=True))
    value = sum(share * one.value for one, share in pairs)
    below = hypot(*(share * (one.value - one.low) for one, share in pairs))
    above = hypot(*(share * (one.high - one.value) for one, share in pairs))
    first = measured[0]
    why = tuple(dict.fromkeys(reason for one in measured for reason in one.why_noisy))
    count, noisy = min(one.n for one in measured), any(one.noisy for one in measured)
    return Measurement(value, value - below, value + above, count, first.unit, noisy, why)
