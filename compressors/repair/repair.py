"""The seam of a repair: what re-solves or shifts weights behind a change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import fx

from ...spaces.errors import Infeasible
from ...spaces.network.outputs import output_problem
from ..context import Context


class Repair(ABC):
    """Mends a network whose structure was changed, so that it gives what the uncompressed one gave.

    A subclass names itself, says how strong it is, and implements :meth:`apply`. Like a compressor it holds nothing of
    what it finds out about a network: what is the same for every candidate it asks of ``context.calibration.once``.

    Attributes:
        name: what ``compensate:`` in the config says.
        strength: where methods of one policy ask for different repairs, the strongest of them is run. Those of this
            project have up to 35; what another package brings is preferred to them, as it was asked for by name.
        quick: the name of one that is nearly as good and takes far less time, for probes; None where there is none.
        by_least_squares: whether it solves by least squares, at its beginning at least: a run then collects what the
            uncompressed network gives before its first candidate.
    """

    name: ClassVar[str]
    strength: ClassVar[int] = 40
    quick: ClassVar[str | None] = None
    by_least_squares: ClassVar[bool] = False

    @abstractmethod
    def apply(self, net: fx.GraphModule, context: Context) -> None:
        """Change weights and biases of ``net`` in place, their shapes and the graph left as they are.

        Args:
            net: compressed, all structure decided; nothing is sparse or quantised.
            context: of the run; ``context.teacher`` is the uncompressed network.
        """

    def repair(self, net: fx.GraphModule, context: Context) -> None:
        """:meth:`apply`, with what every repair owes made sure: shapes stay, outputs are finite.

        Layers in ``context.left_out`` stay as they are.

        Raises:
            Infeasible: where it leaves no working network.
        """
        before = _shapes(net)
        held = {n: p.detach().clone() for n, p in net.named_parameters() if n.rpartition(".")[0] in context.left_out}
        self.apply(net, context)
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                if name in held and held[name].shape == parameter.shape:
                    parameter.copy_(held[name])
        changed = sorted({name for name, _ in _shapes(net).items() ^ before.items()})
        if changed:
            raise Infeasible(f"{self.name} changed the shape of {', '.join(changed)}")
        with torch.no_grad(), context.calibration.forward():
            got = net(context.calibration.example[:1])
        problem = output_problem(net, got)
        if problem is not None:
            raise Infeasible(f"{self.name} {problem}")


def _shapes(net: fx.GraphModule) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in net.named_parameters()}
