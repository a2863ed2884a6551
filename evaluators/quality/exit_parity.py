"""Whether a file with early exits computes what its network computes, on every way that an input may take."""

from __future__ import annotations

from pathlib import Path

from torch import fx

from ...compressors.exits.exit import exits_of, leaving_at
from ...spaces.files import read_bytes
from ...spaces.network.branches import with_thresholds
from ...spaces.tensors.batch import Tensors
from ..restore.exact_session import exact_session
from ..runtimes.session import Session
from .parity import check_parity


def check_every_way(session: Session, path: Path, net: fx.GraphModule, inputs: Tensors) -> None:
    """As :func:`.parity.check_parity`; with exits for all inputs leaving at each, and at none.

    Which inputs leave is not compared: torch and the runtime round differently, which near a threshold decides.

    Args:
        session: on the file.
        path: of the file.
        net: that it was emitted from.
        inputs: a few, shape ``(n, …)``.

    Raises:
        ParityError: as ``check_parity``.
    """
    exits = len(exits_of(net))
    if not exits:
        check_parity(session, net, inputs)
        return
    content = read_bytes(path)
    for index in range(exits + 1):
        with leaving_at(net, index) as thresholds:
            check_parity(exact_session(with_thresholds(content, thresholds)), net, inputs)
