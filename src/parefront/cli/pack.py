"""``parefront pack`` and ``unpack``: an ONNX file entropy-coded, and back."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..evaluators.results.destination import destination
from ..evaluators.results.views.units import ratio, size
from ..evaluators.storage.packed_file import encode, load_packed
from ..inspection.artifact import check_model
from ..spaces.errors import ConfigError
from ..spaces.files import write_bytes


def pack_model(model: Path, output: Path) -> None:
    """Write the ``.pfz`` file of a model, and print what it saves, beside what zlib alone would."""
    target = destination(output, "--output", ".pfz")
    data = check_model(model)
    packed, alone = encode(data), len(zlib.compress(data, 9))
    _write(target, packed)
    saved = f"{ratio(len(packed) / len(data))}; zlib alone {ratio(alone / len(data))}"
    _tell(f"{model}: {size(len(data))}, packed {size(len(packed))} ({saved})", output)


def unpack_model(packed: Path, output: Path) -> None:
    """Write the ONNX file that a ``.pfz`` file holds."""
    target = destination(output, "--output", ".onnx")
    if not os.path.lexists(packed):
        raise ConfigError(f"there is no file {packed}; expected one that `parefront pack` has written")
    data = load_packed(packed)
    held = packed.stat().st_size
    _write(target, data)
    _tell(f"{packed}: {size(held)}, unpacked {size(len(data))} ({ratio(held / len(data))})", output)


def _write(output: Path, content: bytes) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(output, content)


def _tell(line: str, output: Path) -> None:
    console = Console(highlight=False)
    console.print(Text(line), soft_wrap=True)
    console.print(Text(f"written: {output}"), soft_wrap=True)
