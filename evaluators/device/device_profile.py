"""What a device says of itself, and what that means for the models that are built for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..runtimes.choice import RuntimeChoice
from ..runtimes.runtime import DEFAULT
from .answers import flag, integer, number, objects, text, texts

RELEVANT_FLAGS = {
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512_vnni"),
    *("avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("neon", "asimd", "asimdhp", "fphp", "asimddp", "i8mm", "bf16", "sve", "sve2"),
}
_OF_RUNTIME = ("runtime", "runtime_version", "precision")


@dataclass(frozen=True, slots=True)
class OtherRuntime:
    """A further runtime of a device, as :class:`DeviceProfile` tells of its first one.

    Attributes:
        name: of the choice in a config and in policies.
    """

    name: str
    runtime: str
    onnxruntime: str
    providers: tuple[str, ...]
    runtime_version: str
    precision: str

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> OtherRuntime:
        """What `to_json` wrote; `Malformed` for a field that is missing or cannot be."""
        keys = ("name", "runtime", "onnxruntime", "runtime_version", "precision")
        return cls(providers=texts(fields, "providers"), **{key: text(fields, key) for key in keys})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "providers": list(self.providers)}


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """A device as its worker sees it. Strings are empty and numbers zero where it does not tell.

    `flags` are those of the CPU's that decide how fast convolutions are; `cores` those this process may use; `load`
    the number of running processes over the last minute and `temperature_celsius` that of the hottest zone, when the
    profile was taken; `energy` whether it has counters of energy that may be read.

    `others` are the further runtimes of a device that has several, in the order of its options.
    `runtime` is the one that runs models there. Where it is another one than ONNX Runtime, `runtime_version` and
    `precision` (that floats are computed in) are its, and nothing is told of ONNX Runtime, which need not be there.
    """

    cpu: str
    flags: tuple[str, ...]
    machine: str
    system: str
    cores: int
    memory_bytes: int
    python: str
    numpy: str
    onnxruntime: str
    providers: tuple[str, ...]
    governor: str
    frequency_mhz: float
    temperature_celsius: float
    load: float
    cpu_clock_step_ns: int
    energy: bool = False
    runtime: str = DEFAULT
    runtime_version: str = ""
    precision: str = ""
    others: tuple[OtherRuntime, ...] = ()

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DeviceProfile:
        """The profile that a worker sent or `to_json` wrote; `Malformed` for a field that is missing or cannot be."""
        heat = {"temperature_celsius": 0.0, "energy": False, **fields}
        return cls(
            cpu=text(fields, "cpu"),
            flags=tuple(sorted(RELEVANT_FLAGS.intersection(texts(fields, "flags")))),
            machine=text(fields, "machine"),
            system=text(fields, "system"),
            cores=integer(fields, "cores", high=1 << 16),
            memory_bytes=integer(fields, "memory_bytes"),
            python=text(fields, "python"),
            numpy=text(fields, "numpy"),
            onnxruntime=text(fields, "onnxruntime"),
            providers=texts(fields, "providers"),
            governor=text(fields, "governor"),
            frequency_mhz=number(fields, "frequency_mhz", high=1e6),
            temperature_celsius=number(heat, "temperature_celsius", low=-300.0, high=1e4),
            load=number(fields, "load", high=1e6),
            cpu_clock_step_ns=integer(fields, "cpu_clock_step_ns"),
            energy=flag(heat, "energy"),
            **{key: text(fields, key) for key in _OF_RUNTIME if key in fields},
            others=tuple(map(OtherRuntime.from_json, objects({"others": [], **fields}, "others"))),
        )

    def to_json(self) -> dict[str, Any]:
        fields = {**asdict(self), "flags": list(self.flags), "providers": list(self.providers)}
        others = {"others": [other.to_json() for other in self.others]} if self.others else {}
        del fields["others"]
        return {k: v for k, v in fields.items() if self.runtime != DEFAULT or k not in _OF_RUNTIME} | others

    def beside(self, others: Mapping[str, DeviceProfile]) -> DeviceProfile:
        """With what the device says of its further runtimes, by the names of their choices."""
        keys = ("runtime", "onnxruntime", "providers", "runtime_version", "precision")
        told = (OtherRuntime(name, **{key: getattr(other, key) for key in keys}) for name, other in others.items())
        return replace(self, others=tuple(told))

    def in_choice(self, name: str) -> DeviceProfile:
        """The device with one of its runtimes alone, by the name of the choice; any other name means the first one."""
        for other in self.others:
            if other.name == name:
                fields = {k: v for k, v in asdict(other).items() if k != "name"}
                return replace(self, **fields, others=())
        return replace(self, others=())

    def differences(self, here: DeviceProfile) -> list[str]:
        """In what another device differs, in words, so that latencies of the two must not stand side by side.

        The processor and what it can, how many cores may be used, the operating system, the runtime and its version
        and providers count. What changes on one and the same device does not: load, clock and its governor, heat,
        memory, the release of the system, the versions of Python and NumPy.
        """
        found = []
        for what, key in (("CPU", "cpu"), ("architecture", "machine"), ("number of cores", "cores")):
            mine, its = getattr(self, key), getattr(here, key)
            if mine != its:
                found.append(f"another {what} ({mine} there, {its} here)")
        if self.flags != here.flags:
            changed = ", ".join(sorted(set(self.flags) ^ set(here.flags)))
            found.append(f"other instructions of the CPU ({changed})")
        systems = [(profile.system.split() or [""])[0] for profile in (self, here)]
        if systems[0] != systems[1]:
            found.append(f"another system ({systems[0]} there, {systems[1]} here)")
        return found + self.other_runtime(here)

    def other_runtime(self, here: DeviceProfile) -> list[str]:
        """In what the runtimes of two devices differ, in words."""
        if self.others or here.others:
            there, its = ("; ".join(profile.all_run_on) for profile in (self, here))
            return [] if there == its else [f"other runtimes ({there} there, {its} here)"]
        if self.runtime != here.runtime or self.runtime != DEFAULT:
            same = self.runs_on == here.runs_on
            return [] if same else [f"another runtime ({self.runs_on} there, {here.runs_on} here)"]
        found = []
        if self.onnxruntime != here.onnxruntime:
            found.append(f"another onnxruntime ({self.onnxruntime} there, {here.onnxruntime} here)")
        if self.providers != here.providers:
            pair = [", ".join(profile.providers) for profile in (self, here)]
            found.append(f"other providers of onnxruntime ({pair[0]} there, {pair[1]} here)")
        return found

    @property
    def runs_on(self) -> str:
        """``onnxruntime 1.31.0``, ``openvino 2026.4.1 in bf16``."""
        if self.runtime == DEFAULT:
            return f"{DEFAULT} {self.onnxruntime}".strip()
        return f"{self.runtime} {self.runtime_version}".strip() + (f" in {self.precision}" if self.precision else "")

    @property
    def all_run_on(self) -> tuple[str, ...]:
        """:attr:`runs_on` of each of its runtimes, the first one first."""
        return tuple(self.in_choice(name).runs_on for name in ("", *(other.name for other in self.others)))

    @property
    def choices(self) -> dict[str, RuntimeChoice]:
        """Its runtimes and the precisions in effect, by what policies call them; ``""`` is the first one."""
        return {
            "": RuntimeChoice(self.runtime, self.precision),
            **{other.name: RuntimeChoice(other.runtime, other.precision) for other in self.others},
        }

    @property
    def is_arm(self) -> bool:
        return self.machine.lower().startswith(("aarch64", "arm"))

    @property
    def signed_activations(self) -> bool:
        """Whether int8 activations should be signed: on ARM; elsewhere u8, since x86 fuses Conv+ReLU with u8 only."""
        return self.is_arm

    @property
    def vector_width(self) -> int:
        """The channel count whose multiples onnxruntime's kernels like: float32 lanes of its blocked layout.

        16 with AVX-512, 8 on other x86-64 and on ARM with the int8 dot product, 4 on other ARM.
        """
        if self.is_arm:
            return 8 if "asimddp" in self.flags else 4
        return 16 if "avx512f" in self.flags else 8
