"""A candidate in another form than the one that was measured, checked by running both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..evaluators.device.worker import RequestError, made_up
from ..evaluators.quality.parity import FLOAT_TOLERANCE, LIKENESS, deviation, largest
from ..evaluators.restore.exact_session import exact_session
from ..evaluators.restore.opset import at_opset, portable
from ..evaluators.restore.standard import standard
from ..evaluators.results.candidate import Candidate
from ..evaluators.runtimes.litert_runtime import LiteRt
from ..evaluators.runtimes.ncnn_runtime import Ncnn
from ..evaluators.runtimes.openvino_ir import run_ir, write_ir
from ..evaluators.runtimes.runtime import ModelRejected
from ..evaluators.storage.provenance import ARTIFACT, PREFIX
from ..spaces.errors import ConfigError, ParefrontError

Outputs = dict[str, NDArray[Any]]

SAMPLES = 4
LAST_BITS = 1e-5
"""Largest difference between two files in ONNX Runtime, relative to the largest output: other operators may be fused
in another way, and sum in another order."""
OF_INTEGERS = (b"DequantizeLinear", b"MatMulNBits")
"""Operators that OpenVINO and LiteRT round elsewhere."""


def export_onnx(candidate: Candidate, output: Path, plain: bool = False, opset: int | None = None) -> Path:
    """Write a candidate's file; see :meth:`Candidate.export`.

    Args:
        candidate: of a run.
        output: ends in ``.onnx``, ``.pfz`` or nothing.
        plain: with its weights as plain arrays, and no functions or declarations that are not of the standard.
        opset: in the operators of this version of ONNX; the file is plain then, too.

    Raises:
        ConfigError, ParefrontError: as :meth:`Candidate.export`; and where the network has no form in that version, or
            computes something else in it.
    """
    if not plain and opset is None:
        return candidate.export(output)
    return candidate.export_as(output, lambda content: _made(content, opset), _changes(opset))


def _changes(opset: int | None) -> str:
    return "plain weights" if opset is None else f"plain weights, opset {opset}"


def _made(content: bytes, opset: int | None) -> bytes:
    made = portable(content)
    if opset is not None:
        made = at_opset(standard(made), opset)
    if made is not content:
        feeds = _inputs(content)
        tolerance, what = (0.0, "with plain weights") if opset is None else (LAST_BITS, f"in opset {opset}")
        _compare(_outputs(content, feeds), _outputs(made, feeds), tolerance, f"the file {what}")
    return made


def export_openvino(candidate: Candidate, output: Path) -> Path:
    """Write a candidate in OpenVINO's format: ``.xml``, ``.bin`` beside it, and the policy in ``.yaml``.

    Its outputs in float32 are compared with those of the ONNX file in ONNX Runtime, by the tolerance that the runtime
    is given in a search: sums of 8-bit layers are rounded elsewhere.

    Raises:
        ConfigError: for a name that does not end in ``.xml`` or nothing.
        ParefrontError: where OpenVINO is missing, does not take the network, or computes something else.
    """
    target = _named(output, ".xml", "OpenVINO")
    made = _made(candidate.content(), None)
    feeds = _inputs(made)
    with tempfile.TemporaryDirectory() as folder, _told():
        written = Path(folder) / target.name
        write_ir(made, written, _facts(candidate, "plain weights, OpenVINO IR"))
        _compare_rounded(made, feeds, run_ir(written, feeds), "OpenVINO's file")
        return candidate.export_files(target, {s: written.with_suffix(s).read_bytes() for s in (".bin", target.suffix)})


def export_ncnn(candidate: Candidate, output: Path) -> Path:
    """Write a candidate in NCNN's format: ``.param``, ``.bin`` beside it, and the policy in ``.yaml``.

    Its outputs are compared with those of the ONNX file in ONNX Runtime. The format has no place for provenance: the
    policy's file begins with it.

    Raises:
        ConfigError: for a name that does not end in ``.param`` or nothing.
        ParefrontError: where NCNN is missing, does not take the network, or computes something else.
    """
    target = _named(output, ".param", "NCNN")
    made = standard(_made(candidate.content(), None))
    feeds = _inputs(made)
    with tempfile.TemporaryDirectory() as folder, _told():
        session, files = Ncnn().write(made, Path(folder))
    names = [port.name for port in session.get_outputs()]
    found = dict(zip(names, session.run(names, feeds), strict=True))
    _compare(_outputs(made, feeds), found, FLOAT_TOLERANCE, "NCNN's file")
    told = "" if candidate.origin is None else candidate.origin(candidate).text
    return candidate.export_files(target, {".bin": files[".bin"], target.suffix: files[".param"]}, told)


def export_tflite(candidate: Candidate, output: Path) -> Path:
    """Write a candidate in LiteRT's format: ``.tflite``, which holds its provenance, and the policy in ``.yaml``.

    Its outputs are compared as OpenVINO's are: sums of 8-bit layers are rounded elsewhere.

    Raises:
        ConfigError: for a name that does not end in ``.tflite`` or nothing.
        ParefrontError: where LiteRT is missing, has no form for the network, or computes something else.
    """
    target = _named(output, ".tflite", "LiteRT")
    made = _made(candidate.content(), None)
    feeds = _inputs(made)
    facts = {f"{PREFIX}{key}": text for key, text in _facts(candidate, "LiteRT").items()}
    with _told():
        session, content = LiteRt().write(made, facts)
        names = [port.name for port in session.get_outputs()]
        found = dict(zip(names, session.run(names, feeds), strict=True))
    _compare_rounded(made, feeds, found, "LiteRT's file")
    return candidate.export_files(target, {target.suffix: content})


@contextmanager
def _told() -> Iterator[None]:
    """Tell of a network that a runtime does not take as any error of a user's is told."""
    try:
        yield
    except ModelRejected as error:
        raise ParefrontError(f"export: {error}") from error


def _named(output: Path, suffix: str, format: str) -> Path:
    target = output if output.suffix else output.with_suffix(suffix)
    if target.suffix.lower() != suffix:
        raise ConfigError(f"export: expected a file name that ends in {suffix} ({format}), got {output.name}")
    return target


def _facts(candidate: Candidate, changes: str) -> dict[str, str]:
    told = {} if candidate.origin is None else dict(candidate.origin(candidate).facts)
    return {**told, ARTIFACT: candidate.sha256, "changes": changes}


def _inputs(content: bytes) -> Outputs:
    """Made-up inputs, four samples where the first axis is free."""
    specs = [{"name": p.name, "shape": list(p.shape), "type": p.type} for p in exact_session(content).get_inputs()]
    try:
        free = all(spec["shape"] and not isinstance(spec["shape"][0], int) for spec in specs)
        return made_up(specs, {}, seed=0, batch=SAMPLES if free else 1)
    except RequestError as error:
        raise ConfigError(f"export: the file cannot be checked ({error})") from None


def _outputs(content: bytes, feeds: Mapping[str, Any]) -> Outputs:
    session = exact_session(content)
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def _compare_rounded(content: bytes, feeds: Outputs, found: Outputs, what: str) -> None:
    """As :func:`_compare` of an ONNX file with a runtime that rounds integers elsewhere."""
    integers = any(operator in content for operator in OF_INTEGERS)
    tolerance, differs = (LIKENESS, deviation) if integers else (FLOAT_TOLERANCE, largest)
    _compare(_outputs(content, feeds), found, tolerance, what, differs)


def _compare(
    before: Mapping[str, NDArray[Any]],
    after: Mapping[str, NDArray[Any]],
    tolerance: float,
    what: str,
    differs: Callable[[NDArray[Any], NDArray[Any]], float] = largest,
) -> None:
    """Raise ``ParefrontError`` where an output differs by more than it may."""
    for name, wanted in before.items():
        found = after.get(name)
        if found is None or found.shape != wanted.shape:
            raise ParefrontError(f"export: {what} has no output {name} of shape {wanted.shape}")
        difference = differs(wanted, found)
        if not difference <= tolerance:
            raise ParefrontError(
                f"export: {what} was not written, as its {name} differs by {difference:.1e} (allowed {tolerance:g})"
            )
