"""``load``: an ONNX file, or a candidate of a run, as a PyTorch module."""

from __future__ import annotations

from pathlib import Path

from .evaluators.restore.load import load_file
from .evaluators.restore.module import ArtifactModule
from .search.runs.of_trial import candidate_of_trial
from .search.runs.run import Run
from .search.runs.run_folder import RUNS
from .spaces.errors import ConfigError


def load(source: str | Path | Run, trial: int | None = None, *, root: str | Path = RUNS) -> ArtifactModule:
    """The ``nn.Module`` that computes what an ONNX file computes, to be run, trained, saved and written back.

    On the files of a run on Fashion-MNIST, outputs of float networks differ from ONNX Runtime's by less than a
    millionth of the largest one. With integers, where torch and the runtime may round a value between two of them
    differently, they differ by less than two steps of an 8-bit integer. :func:`parefront.parity` tells for any module.

    Args:
        source: an ``.onnx`` or ``.pfz`` file; or a run, its name under ``root`` or its path.
        trial: of a run: the number of the trial whose artefact it is.
        root: where runs lie.

    Raises:
        ConfigError: for a file with a trial, a run without one, or a trial that has no candidate.
        RunNotFound: where there is neither such a file nor such a run.
        ParefrontError: where the file is no ONNX model, or has an operator that has no counterpart in torch here, or
            the trial's artefact was not kept.
    """
    if isinstance(source, Run):
        return candidate_of_trial(source, trial).module()
    if Path(source).suffix.lower() in (".onnx", ".pfz") or Path(source).is_file():
        if trial is not None:
            raise ConfigError(f"expected a run to take trial {trial} of, got the file {source}")
        return load_file(source)
    return candidate_of_trial(Run.open(source, root), trial).module()
