"""Why an ONNX file is, or is not, faster than the one that it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from ..config.models import DeviceConfig
from ..config.plain import plain
from ..config.schema import parse_device
from ..evaluators.device.device import Device, Shapes
from ..evaluators.device.device_profile import DeviceProfile
from ..evaluators.device.errors import RequestRefused
from ..evaluators.explain.excluding import within_exclude
from ..evaluators.explain.explain import Explanation
from ..evaluators.explain.explain import explain as explained
from ..evaluators.explain.profiled import in_names_of_modules
from ..evaluators.runtimes.choice import RuntimeChoice
from ..evaluators.runtimes.runtime import DEFAULT
from ..evaluators.storage.provenance import runtime_of_file
from ..search.runs.run_layers import layers_of, left_out_of, run_folder_of
from ..spaces.errors import ConfigError
from . import measuring
from .artifact import check_model
from .explanation_tables import findings_text, layers_table, summary
from .rendered import rendered


@dataclass(frozen=True, repr=False)
class ExplanationReport:
    """Where the time of a file goes, layer by layer, against the one that it was made from.

    Attributes:
        model: the file.
        against: what it was made from.
        device: what the device is called.
        profile: what the device says of itself.
        explanation: latency, operators, layers and findings.
    """

    model: Path
    against: Path
    device: str
    profile: DeviceProfile
    explanation: Explanation

    def to_json(self) -> dict[str, Any]:
        """What ``parefront explain --json`` prints."""
        device = {"name": self.device, **self.profile.to_json()}
        return {"model": str(self.model), "against": str(self.against), "device": device, **self.explanation.to_json()}

    def parts(self) -> Iterator[RenderableType]:
        """What is shown of it, in the order to print it."""
        yield summary(self.explanation)
        yield layers_table(self.explanation)
        yield findings_text(self.explanation)
        yield Text(f"{self.device}: {self.profile.cpu}, {self.profile.runs_on}", style="dim")

    def __repr__(self) -> str:
        return rendered(*self.parts())


def explain(
    model: str | Path,
    against: str | Path,
    *,
    device: Mapping[str, Any] | None = None,
    shapes: Shapes | None = None,
) -> ExplanationReport:
    """Profile an ONNX file and its original, and say what costs time and what would mend it; as ``parefront explain``.

    Args:
        model: the file.
        against: what it was made from.
        device: where, as in a config, e.g. ``{"threads": 4}``; by default this machine, one thread. Where it names no
            runtime, files that say they are for another one than ONNX Runtime are refused.
        shapes: of inputs with free axes beside the first, by name.

    Raises:
        ConfigError: for a file that is no ONNX model, settings that cannot be, or a model that the runtime refuses.
        DeviceError: where the device cannot be used.
    """
    config = parse_device(plain(device or {}), "device")
    return explanation_report(Path(model), Path(against), config, shapes)


def explanation_report(model: Path, against: Path, device: DeviceConfig, shapes: Shapes | None) -> ExplanationReport:
    """As :func:`explain`, on a device whose settings are checked."""
    options = device.options()
    if options.runtime != DEFAULT:
        raise ConfigError(f"device.runtime: what is explained are profiles of {DEFAULT}, got {options.runtime}")
    for path in (model, against):
        runtime = RuntimeChoice.of(runtime_of_file(check_model(path)) or DEFAULT).runtime
        if runtime != DEFAULT and "runtime" not in device.model_fields_set:
            raise ConfigError(
                f"{path} says that it is for {runtime}, and what is explained are profiles of {DEFAULT}; "
                f"--device runtime={DEFAULT} explains how it runs there"
            )
    with Device(options.in_choice("")) as place:
        try:
            found = _in_names_of_run(explained(place, model, against, measuring.PROTOCOL, shapes), model, against)
        except RequestRefused as refusal:
            raise ConfigError(f"{model} against {against}: {refusal}") from refusal
        return ExplanationReport(model, against, place.name, place.profile, found)


def _in_names_of_run(found: Explanation, model: Path, against: Path) -> Explanation:
    """With layers called as in the user's network, and no advice against ``exclude``, where a file lies in its run."""
    folder = run_folder_of(model) or run_folder_of(against)
    if folder is None:
        return found
    modules = {re.sub(r"\W", "_", layer): layer for layer in layers_of(folder)}
    left_out = left_out_of(folder)
    layers = tuple(replace(layer, name=modules.get(layer.name, layer.name)) for layer in found.layers)
    named = (in_names_of_modules(one, modules) for one in found.findings)
    return replace(found, layers=layers, findings=tuple(within_exclude(one, left_out) for one in named))
