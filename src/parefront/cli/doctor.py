"""``parefront doctor``: what this machine has, what it means for compressed models, and how to get what is missing."""

from __future__ import annotations

import importlib.util
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..compressors import registry
from ..compressors.repair.registry import RepairNames
from ..evaluators.device import worker
from ..evaluators.device.device_profile import DeviceProfile
from ..evaluators.quality.scoring.registry import metric_names
from ..evaluators.results.views.units import size
from ..evaluators.runtimes.registry import runtime_names, runtime_of
from ..evaluators.runtimes.runtime import AUTO, Runtime, RuntimeUnavailable
from ..search.registry import sampler_names

PACKAGES = ("torch", "torchvision", "onnx", "onnx-ir", "onnxruntime", "onnxscript", "optuna", "torch-pruning", "numpy")
EXTRAS = {
    "test": ("pytest", "Parefront's own tests"),
    "tensorboard": ("tensorboard", "callbacks: [tensorboard]"),
    "mlflow": ("mlflow", "callbacks: [mlflow]"),
    "openvino": ("openvino", "device: {runtime: openvino}"),
    "ncnn": ("ncnn", "device: {runtime: ncnn}"),
    "litert": ("ai_edge_litert", "device: {runtime: litert}"),
    "ray": ("ray", "executor: {name: ray}"),
}
BUSY_LOAD = 0.5


def show_doctor(as_json: bool) -> None:
    """Print the report."""
    report = examine()
    if as_json:
        print(json.dumps(report, indent=2))
        return
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    device = report["device"]
    table.add_row("parefront", f"{report['parefront']}, Python {report['python']}")
    table.add_row("packages", ", ".join(f"{name} {found or 'MISSING'}" for name, found in report["packages"].items()))
    table.add_row("cpu", f"{device['cpu'] or device['machine']}, {device['cores']} cores to use")
    table.add_row("memory", size(device["memory_bytes"]))
    table.add_row("vector flags", ", ".join(device["flags"]) or "none known")
    table.add_row("int8", report["int8"])
    for runtime in report["runtimes"]:
        table.add_row(f"runtime {runtime['name']}", Text(runtime_line(runtime)))
    table.add_row("compressors", ", ".join(report["compressors"]))
    table.add_row("repairs", ", ".join(report["repairs"]))
    table.add_row("samplers", ", ".join(report["samplers"]))
    table.add_row("metrics", ", ".join(report["metrics"]))
    for name, extra in report["extras"].items():
        state = "installed" if extra["installed"] else f"not installed; {extra['for']}: {extra['install']}"
        table.add_row(f"extra {name}", Text(state))
    console.print(table)
    for problem in report["problems"]:
        console.print(Text.assemble(("! ", "yellow"), problem))
    if not report["problems"]:
        console.print(Text("nothing is missing", style="green"))


def examine() -> dict[str, Any]:
    """The report as plain values."""
    profile = DeviceProfile.from_json(worker.profile())
    packages = {name: _version(name) for name in PACKAGES}
    return {
        "parefront": __version__,
        "python": platform.python_version(),
        "packages": packages,
        "device": profile.to_json(),
        "int8": int8_meaning(profile),
        "runtimes": [runtime_here(name) for name in runtime_names()],
        "compressors": list(registry.known()),
        "repairs": list(RepairNames()),
        "samplers": sampler_names(),
        "metrics": metric_names(),
        "extras": {
            name: {
                "installed": importlib.util.find_spec(module) is not None,
                "for": purpose,
                "install": f"pip install 'parefront[{name}]'",
            }
            for name, (module, purpose) in EXTRAS.items()
        },
        "problems": _problems(profile, packages),
    }


def runtime_here(name: str) -> dict[str, Any]:
    """A runtime on this machine: version, what precisions there are and which one it takes by itself, else why not."""
    runtime, found = runtime_of(name), dict[str, Any]()
    try:
        version = runtime.version()
        if version is not None:
            precisions = [each for each in runtime.precisions if each != AUTO and _has(runtime, each)]
            found = {"precision": runtime.precision(), "precisions": precisions}
    except RuntimeUnavailable as error:
        version, found = None, {"reason": str(error)}
    lacks = {"lacks": runtime.lacks} if runtime.lacks else {}
    return {"name": name, "version": version, **found, **lacks, **({} if version else {"install": runtime.install})}


def _has(runtime: Runtime, precision: str) -> bool:
    try:
        return bool(runtime.precision(precision))
    except RuntimeUnavailable:
        return False


def runtime_line(runtime: dict[str, Any]) -> str:
    """``2026.4.1, computes in bf16 (or f32)``, and what it does not load."""
    if not runtime["version"]:
        return runtime.get("reason") or f"not installed; device: {{runtime: {runtime['name']}}}: {runtime['install']}"
    others = [each for each in runtime["precisions"] if each != runtime["precision"]]
    choice = f" (or {', '.join(others)})" if others else ""
    computes = f"in {runtime['precision']}{choice}" if runtime["precision"] else "in the types that a file has"
    lacks = f"; does not load {runtime['lacks']}" if runtime.get("lacks") else ""
    return f"{runtime['version']}, computes {computes}{lacks}"


def int8_meaning(profile: DeviceProfile) -> str:
    """What the CPU's flags say of 8-bit convolutions."""
    flags = set(profile.flags)
    if profile.is_arm:
        if flags & {"asimddp", "i8mm"}:
            return "int8 dot products: 8-bit layers are fast; activations are signed"
        return "no int8 dot products: 8-bit layers gain little; expect pruning to pay more"
    if flags & {"avx512_vnni", "avx_vnni", "amx_int8"}:
        return "VNNI: 8-bit layers are fast; activations are unsigned, weights signed"
    if "avx2" in flags:
        return "no VNNI: 8-bit layers gain little, and weights keep to 7 bits, since products would saturate"
    return "no vector instructions for int8 known: 8-bit layers save bytes, hardly time"


def _problems(profile: DeviceProfile, packages: dict[str, str | None]) -> list[str]:
    problems = [f"{name} is not installed: pip install {name}" for name, found in packages.items() if found is None]
    if not registry.known():
        problems.append("no compressors are registered: install the package, pip install -e .")
    if profile.load > BUSY_LOAD * profile.cores:
        problems.append(
            f"the machine is busy (load {profile.load:.1f} on {profile.cores} cores): latencies will be noisy"
        )
    if profile.governor in ("powersave", "ondemand"):
        problems.append(
            f"the CPU governor is {profile.governor!r}: clocks change while measuring; "
            "sudo cpupower frequency-set -g performance"
        )
    return problems


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
