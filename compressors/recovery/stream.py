"""One seeded stream of training batches that all students share, with what the teachers give on each."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor, fx

from ...spaces.tensors.batch import Tensors, channels_last, floats, mapped, named
from .batches.augment import Augmentation
from .batches.mixing import mixed
from .batches.sources import Source
from .precision import FLOAT32, in_precision
from .teachers import Taught, Teachers

HELD_BYTES = 2**29
"""Most bytes of what the teachers give that are kept; later ones are computed for every student."""


class Stream:
    """Batches by their number: batch ``k`` is the same for every student, in every session and on every machine.

    What the teachers give on a batch is computed once, where the batch is the same when it is read again.

    Args:
        source: of the training split.
        teachers: whom students learn from; a network alone is the only teacher.
        augmentation: drawn from the seed and the batch's number.
        seed: of augmentation.
        repeats: whether each epoch is the first one over again. Then teachers are asked once of every batch, which is
            worth the lost variety where students are small beside them.
    """

    def __init__(
        self,
        source: Source,
        teachers: Teachers | fx.GraphModule,
        augmentation: Augmentation,
        seed: int = 0,
        repeats: bool = False,
    ) -> None:
        self.source, self.augmentation, self.seed, self._repeats = source, augmentation, seed, repeats
        self.teachers = teachers if isinstance(teachers, Teachers) else Teachers(teachers)
        self._held: dict[tuple[int, str], tuple[int, Taught]] = {}
        self._bytes = 0

    @property
    def batches(self) -> int:
        """In one epoch."""
        return self.source.batches

    def batch(self, number: int, precision: str = FLOAT32) -> tuple[Tensors, Taught, Tensor | None]:
        """Inputs, what the teachers give and the labels, where there are any, of a batch by its number.

        Labels are class indices ``(n,)``; where images were mixed, probabilities ``(n, classes)``.

        Args:
            number: from 0, over all epochs.
            precision: of the teachers' pass. In bfloat16 outputs err by a thousandth of their variance, where a student
                errs by hundredths, and take a third of the time.
        """
        number = number % self.batches if self._repeats else number
        epoch, place = divmod(number, self.batches)
        inputs, labels = self.source.batch(epoch, place)
        draw = np.random.default_rng((self.seed, epoch, place))
        inputs, mix = mixed(self.augmentation.kinds, self.augmentation(inputs, draw), draw)
        inputs = mapped(channels_last, inputs)
        taught = self._taught((number, precision), inputs)
        if mix is not None and labels is not None:
            labels = mix.labels(labels, floats(taught.outputs)[0].shape[1])
        return inputs, taught, labels

    def _taught(self, key: tuple[int, str], inputs: Tensors) -> Taught:
        """What the teachers give, kept where there is room; a split that is random itself gives other inputs anew."""
        digest = _digest(inputs)
        known, held = self._held.get(key, (0, None))
        if held is not None and known == digest:
            return held
        with torch.no_grad(), in_precision(key[1]):
            taught = self.teachers(inputs)
        if held is None and self._bytes + taught.bytes <= HELD_BYTES:
            self._held[key] = digest, taught
            self._bytes += taught.bytes
        return taught


def _digest(inputs: Tensors) -> int:
    """By which a batch is known again."""
    digest = 0
    for part in named(inputs, "").values():
        rows = part.movedim(1, -1) if part.dim() > 2 else part  # as images lie in memory
        digest = zlib.crc32(rows.contiguous().numpy().data, digest)
    return digest
