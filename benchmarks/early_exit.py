"""What early exits save on ResNet-56: mean latency and p99 over images, against the plain file.

    python benchmarks/early_exit.py
    python benchmarks/early_exit.py --head blocks --steps 2500 --places 6 --exits 1 1,3

For each set of places the confidences with the lowest mean latency within a loss of accuracy are chosen on the search
split, and looked at on the test split. Files are then timed image by image, on images of the search split, by turns
with the plain file of the same arithmetic, in one thread: in CPU time, which other programs disturb less. Changes of
accuracy are those of the same images, with 95 % intervals.

With ``--steps`` heads are trained first, as a search does it before its first candidate, all places at once. What was
trained is kept in runs/, and is not trained again.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from cifar10 import task, tensors
from compare import REPOSITORY
from numpy.typing import NDArray

from parefront.compressors.exits.exit import NEVER, only_at
from parefront.compressors.target import Target
from parefront.evaluators.quality.inference import run_outputs
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.timing.exit_ways import exits_taken
from parefront.evaluators.trial.training.preparing import prepare
from parefront.spaces.network.branches import thresholds, with_thresholds
from parefront.spaces.policy import Policy

LOSSES = (0.005, 0.01)
KEPT = REPOSITORY / "runs" / "early-exits"
CONFIDENCES = (0.99999, 0.9999, 0.9995, 0.999, 0.995, 0.99, 0.97, 0.9)
Array = NDArray[Any]


def session_on(content: bytes) -> ort.InferenceSession:
    """As devices run a file in one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def times(contents: Sequence[bytes], images: Array) -> Array:
    """CPU milliseconds of each file on each image, ``(files, images)``; the files by turns, ten images at a time."""
    sessions, found = [session_on(content) for content in contents], np.zeros((len(contents), len(images)))
    for start in range(0, len(images), 10):
        for file, session in enumerate(sessions):
            session.run(None, {"input": images[start : start + 1]})
            for image in range(start, min(start + 10, len(images))):
                began = time.thread_time()
                session.run(None, {"input": images[image : image + 1]})
                found[file, image] = 1e3 * (time.thread_time() - began)
    return found


def leaving(content: bytes, exits: int, images: Array) -> dict[tuple[int, float], Array]:
    """By exit and confidence, which images leave there if no other exit is open."""

    def taken(limits: Sequence[float]) -> Array:
        return exits_taken(with_thresholds(content, limits), images)

    closed = [NEVER] * exits
    return {
        (exit, confidence): taken([*closed[:exit], confidence, *closed[exit + 1 :]]) == exit
        for exit in range(exits)
        for confidence in CONFIDENCES
    }


def chosen(
    leaves: Mapping[tuple[int, float], Array], ways: Array, right: Sequence[Array], loss: float
) -> tuple[float, ...]:
    """The confidences of the lowest mean latency that lose no more than ``loss``; an exit may stay closed."""
    exits, number = len(ways) - 1, len(right[-1])
    best, least = (NEVER,) * exits, float("inf")
    for limits in itertools.product((NEVER, *CONFIDENCES), repeat=exits):
        way = np.full(number, exits)
        for exit in reversed(range(exits)):
            if limits[exit] != NEVER:
                way[leaves[exit, limits[exit]]] = exit
        accuracy = np.stack(right)[way, np.arange(number)].mean()
        if accuracy >= right[-1].mean() - loss and ways[way].mean() < least:
            best, least = limits, float(ways[way].mean())
    return best


def right_of(content: bytes, images: Array, labels: Array) -> Array:
    """Which images a file is right about."""
    outputs = run_outputs(exact_session(content), images)
    assert isinstance(outputs, np.ndarray)
    found: Array = outputs.argmax(1) == labels
    return found


def change(ours: Sequence[bool] | Array, theirs: Sequence[bool] | Array) -> str:
    """How many more of the same images are right, in points, with the half-width of its 95 % interval."""
    difference = 100 * (np.asarray(ours, float) - np.asarray(theirs, float))
    return f"{difference.mean():+.2f} ±{1.96 * difference.std() / len(difference) ** 0.5:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000, help="of the search split, that files are timed on")
    parser.add_argument("--head", choices=["pool", "blocks"], default="pool")
    parser.add_argument("--depth", type=int, default=1, help="blocks of each shape in a head of blocks")
    parser.add_argument("--steps", type=int, default=0, help="of training of the heads of all places")
    parser.add_argument("--places", type=int, default=3, help="at even shares of the MACs, to choose sets from")
    parser.add_argument("--exits", nargs="+", default=["3", "2,3"], help="sets of places, which count from 1")
    parser.add_argument("--exclude", nargs="*", default=[], help="patterns of places that no head is trained for")
    parser.add_argument("--bits", type=int, nargs="+", default=[32, 8])
    arguments = parser.parse_args()
    count = arguments.images
    torch.set_num_threads(1)
    job = task(56, trains=arguments.steps > 0)
    given = {name: getattr(arguments, name) for name in ("head", "depth", "places", "steps", "exclude")}
    exiting = {**given, "confidences": CONFIDENCES}
    builder = Builder(job, {"early_exit": exiting, "quantize": {}}, Target(), least_squares=False)
    began, kept = (
        time.process_time(),
        KEPT / "-".join(map(str, [*given.values()][:4] + arguments.exclude)).replace("*", "all"),
    )
    kept.mkdir(parents=True, exist_ok=True)
    prepare(builder, kept, lambda phase: print(phase, file=sys.stderr))
    print(f"{time.process_time() - began:.0f} CPU seconds of training", file=sys.stderr)
    (images, labels), (unseen, targets) = (
        [part.numpy() for part in tensors(split)] for split in (job.search, job.test)
    )
    exits = [knob.name for knob in builder.space if knob.compressor == "early_exit"]
    print("| arithmetic | exits behind | loss allowed | confidences | search | test | mean, of plain | p99, of plain |")
    print("|---" * 8 + "|")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.onnx"
        for places in ([exits[int(number) - 1] for number in text.split(",")] for text in arguments.exits):
            opened = dict.fromkeys(places, CONFIDENCES[0])
            for bits in arguments.bits:
                arithmetic = "float" if bits == 32 else f"int{bits}"
                base = builder.space.uniform({"quantize": bits})
                builder.build(base, path)
                plain = path.read_bytes()
                builder.build(Policy({**base, **opened}), path)
                content, number = path.read_bytes(), len(places)
                variants = [with_thresholds(content, only_at(i, number)) for i in range(number + 1)]
                ways = np.median(times(variants, images[:200]), axis=1)
                right = [right_of(way, images, labels) for way in variants]
                leaves = leaving(content, number, images)
                for loss in LOSSES:
                    limits = chosen(leaves, ways, right, loss)
                    file = with_thresholds(content, limits)
                    assert len(thresholds(file)) == number
                    scores = [
                        change(*(right_of(one, x, y) for one in (file, plain)))
                        for x, y in ((images, labels), (unseen, targets))
                    ]
                    own, whole = times([file, plain], images[:count])
                    p99 = np.quantile(own, 0.99) / np.quantile(whole, 0.99)
                    print(
                        f"| {arithmetic} | {', '.join(p.partition('/')[2] for p in places)} | {100 * loss:g} pt | "
                        f"{', '.join('–' if c == NEVER else f'{c:g}' for c in limits)} | {scores[0]} | "
                        f"{scores[1]} | {own.mean() / whole.mean():.3f}x | {p99:.2f}x |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
