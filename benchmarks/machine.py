"""The machine that a benchmark ran on, in one line."""

from __future__ import annotations

from parefront.evaluators.device.device_profile import DeviceProfile


def describe(profile: DeviceProfile) -> str:
    """Processor, cores, the flags that matter for int8, and the runtime."""
    flags = [f for f in ("avx2", "avx512f", "avx512_vnni", "amx_int8", "asimddp") if f in profile.flags]
    return f"{profile.cpu}, {profile.cores} cores ({', '.join(flags)}), ONNX Runtime {profile.onnxruntime}"
