"""How a device is reached, and how models run there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...spaces.masking import MASK, masked_command, masked_text
from ..runtimes.choice import RuntimeChoice
from ..runtimes.registry import runtime_of
from ..runtimes.runtime import AUTO, DEFAULT
from .lock import THIS_MACHINE

_OF_ONNX_RUNTIME = ("providers", "optimisation", "spinning")
# These hand their arguments to a shell on the other side, which would take the bootstrap apart.
_THROUGH_A_SHELL = frozenset({"ssh", "autossh", "slogin", "adb", "dbclient", "plink"})


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """How a device is reached, and how models run there.

    `command` is the prefix that starts a program on the device: nothing for this machine, `("ssh", "pi@raspberry")`,
    `("docker", "exec", "-i", "box")`. `python` is the interpreter there that has numpy and onnxruntime; by default
    this one on this machine and `python3` elsewhere. `quote` tells whether the prefix hands its arguments to a shell;
    by default it is taken to, where one of its words is `ssh`, `adb` or the like.

    `threads` are onnxruntime's intra-op threads. `spinning` lets idle ones burn CPU while they wait for work; it is
    off, since the threads of one model would spin into the runs of the other. `optimisation` is a graph optimisation
    level (`disable_all`, `enable_basic`, `enable_extended`, `enable_layout`, `enable_all`). `core` pins the worker to
    a CPU core (one thread, Linux only); by default the system decides. `providers` are tried in their order, the first
    one has to start; `provider_options` are onnxruntime's own, by provider. `like` are further devices of the
    same kind, which share the load with this one (`units.Units`).

    `runtime` loads and runs the models, see `runtimes.registry`; `precision` is what it computes floats in. What is
    ONNX Runtime's own (`providers`, `provider_options`, `optimisation`, `spinning`) is refused for another one.
    `others` are further runtimes and precisions there: a file that says it is for one of them is run in that, see
    `storage.provenance.made_for`; without others what files say does not matter. Raises `ValueError` on nonsense.
    """

    command: tuple[str, ...] = ()
    threads: int = 1
    spinning: bool = False
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    provider_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    python: str | None = None
    optimisation: str = "enable_all"
    core: int | None = None
    quote: bool | None = None
    deadline_seconds: float = 120.0
    like: tuple[DeviceOptions, ...] = ()
    runtime: str = DEFAULT
    precision: str = AUTO
    others: tuple[RuntimeChoice, ...] = ()

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
        if self.core is not None and self.threads != 1:
            raise ValueError(f"a core is for one thread, got threads={self.threads} and core={self.core}")
        if not self.providers:
            raise ValueError("at least one provider is needed, such as CPUExecutionProvider")
        if unknown := set(self.provider_options).difference(self.providers):
            raise ValueError(f"provider_options for {', '.join(sorted(unknown))}, which is not among the providers")
        self._check_runtime()
        if self.deadline_seconds <= 0:
            raise ValueError(f"deadline_seconds must be positive, got {self.deadline_seconds}")
        reached = [unit.command for unit in self.units]
        if twice := [unit.name for unit in self.units if reached.count(unit.command) > 1]:
            raise ValueError(f"like devices are reached in different ways, got {twice[0]} twice")

    def _check_runtime(self) -> None:
        for choice in self.choices:
            runtime = runtime_of(choice.runtime)
            if choice.precision not in runtime.precisions:
                known, got = ", ".join(runtime.precisions), f"{choice.runtime}, got {choice.precision!r}"
                raise ValueError(f"precision: expected one of {known} with runtime {got}")
        if len(set(self.choices)) < len(self.choices):
            raise ValueError(f"runtime: expected different ones, got {', '.join(each.name for each in self.choices)}")
        if DEFAULT in {choice.runtime for choice in self.choices}:
            return
        for key, usual in self._usual.items():
            if getattr(self, key) != usual:
                raise ValueError(f"{key} is for runtime {DEFAULT}; leave it out with runtime {self.runtime}")

    @property
    def _usual(self) -> dict[str, Any]:
        """What is ONNX Runtime's own, with the defaults."""
        fields = type(self).__dataclass_fields__
        return {"provider_options": {}, **{key: fields[key].default for key in _OF_ONNX_RUNTIME}}

    @property
    def name(self) -> str:
        """The command that leads there, its secrets masked, or "this machine"."""
        words = (w if w == MASK else shlex.quote(w) for w in masked_command(self.command))
        return masked_text(" ".join(words)) or THIS_MACHINE

    @property
    def is_through_a_shell(self) -> bool:
        """Whether the command hands its arguments to a shell."""
        return any(Path(word).name in _THROUGH_A_SHELL for word in self.command) if self.quote is None else self.quote

    @property
    def units(self) -> tuple[DeviceOptions, ...]:
        """This device and those like it, each alone."""
        return (replace(self, like=()), *self.like) if self.like else (self,)

    @property
    def choices(self) -> tuple[RuntimeChoice, ...]:
        """The runtimes and precisions that files run in here, the usual one first."""
        return (RuntimeChoice(self.runtime, self.precision), *self.others)

    def in_choice(self, name: str) -> DeviceOptions:
        """The same device with one of its :attr:`choices` alone, by that one's name; ``""`` for the first.

        Raises:
            KeyError: for a choice that it has not.
        """
        choice = RuntimeChoice.of(name) if name else self.choices[0]
        if choice not in self.choices:
            raise KeyError(name)
        own = {} if choice.runtime == DEFAULT else self._usual
        return replace(self, runtime=choice.runtime, precision=choice.precision, others=(), **own)

    @property
    def session(self) -> dict[str, Any]:
        """What of it decides how a session runs, as the worker takes it, for the first of :attr:`choices`."""
        if self.runtime != DEFAULT:
            return {"threads": self.threads, "runtime": self.runtime, "precision": self.precision}
        chosen = {"threads": self.threads, "spinning": self.spinning, "optimisation": self.optimisation}
        own = {name: dict(options) for name, options in self.provider_options.items()}
        return {**chosen, "providers": list(self.providers), "provider_options": own}
