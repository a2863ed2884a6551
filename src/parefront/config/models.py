"""What a config may say: its sections with their keys, types and defaults, each key's meaning in the docstrings."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)

from ..evaluators.device.device_options import DeviceOptions
from ..evaluators.device.latency import LatencyProtocol
from ..evaluators.runtimes.choice import choices_of
from ..evaluators.runtimes.runtime import AUTO, DEFAULT
from ..search.runs.recover_settings import SHARE
from ..search.runs.run_config import RunConfig
from ..spaces.errors import ConfigError
from ..spaces.variables import expanded
from .invalid import ONE, SEVERAL

DEFAULT_COMPRESSORS = ("prune_channels", "drop_blocks", "quantize")
PROTOCOL = LatencyProtocol()


def _listed(value: Any) -> Any:
    """One budget without its list."""
    return [value] if isinstance(value, str) else value


def _split(value: Any) -> Any:
    """A command as one string."""
    return shlex.split(value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    """An amount of memory as text: ``4GB``, ``512 MiB``."""
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else round(float(match[1]) * _BYTES[match[2].lower()])


def _with_options(value: Any) -> Any:
    """A compressor with nothing behind it: its defaults."""
    return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value


def _leaving_out(patterns: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options of a method that leaves out ``patterns``, too."""
    own = _listed(options.get("exclude") or [])
    return {**options, "exclude": list(dict.fromkeys([*patterns, *own]))} if isinstance(own, list) else options


def _rate(value: Any) -> Any:
    """A learning rate, or a share of the one that would be chosen."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    if is_number or value is None or (isinstance(value, str) and SHARE.fullmatch(value)):
        return value
    raise ValueError("expected a number above 0, or a share of what it would be by default, such as 0.1x")


_BYTES = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_AMOUNT = re.compile(rf"\s*([0-9]*\.?[0-9]+)\s*({'|'.join(_BYTES)})\s*", re.IGNORECASE)

Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
DeviceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
_TEXT_OR_TEXTS = WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})
Texts = Annotated[list[str], BeforeValidator(_listed), _TEXT_OR_TEXTS]
Command = Annotated[list[str], BeforeValidator(_split), _TEXT_OR_TEXTS]
Bytes = Annotated[
    int,
    Field(ge=1),
    BeforeValidator(_bytes),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]}),
]
Rate = Annotated[
    float | str,
    BeforeValidator(_rate),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": "x$"}]}),
]
Compressors = Annotated[dict[str, dict[str, Any]], BeforeValidator(_with_options)]


class Section(BaseModel):
    """A part of the config; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DeviceConfig(Section):
    """Where latency is measured; see :class:`parefront.evaluators.device.device_options.DeviceOptions`.

    Attributes:
        command: prefix that starts a program on the device, e.g. ``[ssh, pi@raspberry]``; empty for this machine. In
            it, and in ``provider_options``, ``${NAME}`` stands for a variable of the environment.
        runtime: what loads and runs the models, and scores them: ``onnxruntime``, ``openvino``,
            ``ncnn``, ``litert`` (``docs/runtimes.md``), or one that another package registers; ``parefront doctor``
            lists them. Of a list each candidate has one, which is searched; latencies are shares of the uncompressed
            model's in the first.
        precision: that the runtime computes floats in: ``auto``, its own choice; of OpenVINO ``bf16`` or ``f32``, too.
            ONNX Runtime computes in the types that a file has. Of a list it is searched, for runtimes that have them.
        threads: intra-op threads of the runtime.
        spinning: whether idle threads burn CPU while they wait for work.
        providers: execution providers of ONNX Runtime, tried in their order; the first has to start.
        provider_options: ONNX Runtime's own options, by provider.
        python: interpreter on the device that has numpy and the runtime; by default this one, elsewhere ``python3``.
        optimisation: level of graph optimisation: ``disable_all``, ``enable_basic``, ``enable_extended``,
            ``enable_layout`` or ``enable_all``.
        core: CPU core that the worker is pinned to (one thread, Linux only); by default the system decides.
        quote: whether the command hands its arguments to a shell; by default it does where it is ssh, adb or the like.
        deadline_seconds: after which a silent device counts as out of reach.
    """

    command: Command = []
    runtime: str | list[str] = DEFAULT
    precision: str | list[str] = AUTO
    threads: Positive = 1
    spinning: bool = False
    providers: list[str] = ["CPUExecutionProvider"]
    provider_options: dict[str, dict[str, Any]] = {}
    python: str | None = None
    optimisation: str = "enable_all"
    core: Natural | None = None
    quote: bool | None = None
    deadline_seconds: PositiveFloat = 120.0

    @model_serializer(mode="wrap")
    def _told(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the runtime where it is the usual one, so that configs of older runs stay equal."""
        told: dict[str, Any] = fields(self)
        usual = {"runtime": DEFAULT, "precision": AUTO}
        return {key: value for key, value in told.items() if key not in usual or value != usual[key]}

    def options(self) -> DeviceOptions:
        """The same, for the evaluators, with the environment's variables in the places of ``${NAME}``.

        Raises:
            ConfigError: where the values do not fit together, or the environment lacks a variable.
        """
        command, own = expanded([self.command, self.provider_options], "device")
        values = self.model_dump() | {"command": tuple(command), "provider_options": own}
        values["providers"] = tuple(self.providers)
        try:
            first, *others = choices_of(_as_list(self.runtime), _as_list(self.precision))
            values |= {"runtime": first.runtime, "precision": first.precision, "others": tuple(others)}
            return DeviceOptions(**values)
        except ValueError as error:
            raise ConfigError(f"device: {error}") from None


def _as_list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def options_of(units: DeviceConfig | list[DeviceConfig]) -> DeviceOptions:
    """One device, or several like ones as one.

    Raises:
        ConfigError: where the values do not fit together, or two are reached in the same way.
    """
    first, *others = [unit.options() for unit in (units if isinstance(units, list) else [units])]
    try:
        return replace(first, like=tuple(others))
    except ValueError as error:
        raise ConfigError(f"devices: {error}") from None


LikeDevices = Annotated[
    Annotated[DeviceConfig, Tag(ONE)] | Annotated[list[DeviceConfig], Field(min_length=1), Tag(SEVERAL)],
    Discriminator(lambda value: SEVERAL if isinstance(value, list) else ONE),
]


class LatencyConfig(Section):
    """How long latency is measured; see :class:`parefront.evaluators.device.latency.LatencyProtocol`.

    Attributes:
        min_samples: runs of each model that a reading has at least.
        min_seconds: that a reading takes at least.
        max_seconds: after which it ends however wide the interval is; by default 1, or twice ``min_seconds``.
        half_width: of the 95 % interval of the ratio, relative, at which a reading may end.
        warmup_seconds: up to which the models run before they are timed.
        batch: inputs in one run; by default 1.
    """

    min_samples: Positive = PROTOCOL.min_samples
    min_seconds: PositiveFloat = PROTOCOL.min_seconds
    max_seconds: PositiveFloat | None = None
    half_width: PositiveFloat = PROTOCOL.half_width
    warmup_seconds: Annotated[float, Field(ge=0)] = PROTOCOL.warmup_seconds
    batch: Positive | None = None

    def protocol(self) -> LatencyProtocol:
        """The same, for the evaluators; without ``max_seconds`` it is the default, or twice ``min_seconds``.

        Raises:
            ConfigError: where the values do not fit together.
        """
        longest = self.max_seconds or max(PROTOCOL.max_seconds, 2 * self.min_seconds)
        try:
            return LatencyProtocol(**self.model_dump() | {"max_seconds": longest, "batch": self.batch or 1})
        except ValueError as error:
            raise ConfigError(f"latency: {error}") from None


class SearchConfig(Section):
    """Which candidates to try, and how many.

    Attributes:
        sampler: a name that ``parefront doctor`` lists, or ``package.module:Class`` of an Optuna sampler.
        sampler_options: of the sampler, e.g. ``{reward: error_log_cost}`` for ``amc``; arguments of an Optuna sampler.
        trials: different policies to evaluate, infeasible and failed ones included.
        minutes: of searching (measuring the uncompressed model, probes, trials; in all sessions) after which no
            further trial begins; by default no such limit. To measure the front again at the end comes on top.
        patience: trials without growth of the front's hypervolume after which the search ends; by default no limit.
        seed: of all that is drawn at random.
        images: at most this many of the search split score a candidate; by default all.
        racing: whether a candidate is measured only until it is clear that another one dominates it.
        pictures: of the test images that a member of the front answers otherwise than the uncompressed model, so many
            are kept small in the run's folder, for its page; 0 keeps none.
        storage: URL of an Optuna storage; by default ``study.db`` in the run's folder. With ``postgresql://`` or
            ``mysql://`` any number of controllers, each with a run of its own, search in one study. A password in it is
            best a variable of the environment: ``postgresql://me:${DB_PASSWORD}@host/db``.
        study: its name in ``storage``; by default that of the run.
        keep_artifacts: the ONNX files of the ``"front"``, of ``"all"`` candidates, or, by default, the front's and as
            many of the others as fit in 1 GB.
        final: what is measured again at the end, and is the front then: the whole ``front``, or only the one that is
            ``selected`` by the budgets, which takes a fraction of the time; the whole front where nobody meets them.
        warm_start: name or path of a run of the same model, whose probes are taken over.
        reuse_scores: name or path of a run of the same model on another device, whose artefacts (built again where
            they were not kept) and accuracies are taken over, since those do not depend on the device.
    """

    sampler: str = "auto"
    sampler_options: dict[str, Any] = {}
    trials: Positive = 150
    minutes: PositiveFloat | None = None
    patience: Positive | None = None
    seed: Natural = 0
    images: Positive | None = None
    racing: bool = True
    pictures: Natural = 24
    storage: str | None = None
    study: str | None = None
    keep_artifacts: Literal["auto", "front", "all"] = "auto"
    final: Literal["front", "selected"] = "front"
    warm_start: str | None = None
    reuse_scores: str | None = None


class ExecutorConfig(Section):
    """Where evaluations run. It is no part of what a run is: one may be gone on with elsewhere.

    Attributes:
        name: ``local``, one after the other in the search's own process; ``pool``, in several processes on this
            machine, which all pause while a latency is measured on it; ``ray``, on a cluster (``docs/cluster.md``).
        workers: evaluations at a time, of a cluster at most; by default half of this machine's cores.
        ordered: whether results are taken in the order of asking, so that a search with workers is repeatable; nothing
            new is asked for while the first is the slowest.
        deadline_seconds: after which the process of an evaluation is ended, and its trial has failed; by default twenty
            times the longest evaluation so far, but ten minutes at least.
        memory: that a worker's process may take, e.g. ``4GB``, else its trial has failed; by default its share of nine
            tenths of this machine's.
        address: of the cluster: ``local`` starts one on this machine, ``auto`` is the one that this machine is part of,
            else ``host:port``.
        cpus: cores of the cluster that each evaluation is given.
        device_nodes: by device the node that reads it: a custom resource of it (``device:pi4``) or a label
            (``device=pi4``); ``""`` is the only device of a config that names none. By default the search's own node.
        device_wait_seconds: for which a device of the cluster that is lost is waited for; then the search ends, and the
            same command goes on.
    """

    name: Literal["local", "pool", "ray"] = "local"
    workers: Positive | None = None
    ordered: bool = False
    deadline_seconds: PositiveFloat | None = None
    memory: Bytes | None = None
    address: str = "local"
    cpus: PositiveFloat = 1.0
    device_nodes: dict[str, str] = {}
    device_wait_seconds: PositiveFloat = 600.0

    @property
    def at_once(self) -> int:
        """Evaluations at a time in other processes: as many as there are workers, or half of this machine's cores."""
        return self.workers or max(1, (os.cpu_count() or 2) // 2)


class RecoverConfig(Section):
    """Which members of the front are trained after the search, for how long, and how; needs no labels.

    Attributes:
        when: ``front``: once the search has ended; ``none``: not at all. By default the former where there are minutes
            or steps.
        minutes: of training and measuring what comes of it, for all members and in all sessions; they go where the
            front gains most.
        steps: or so many steps of the optimiser for each member; with 0 of them a member is only repaired, by
            ``repair``.
        where: constraints, such as ``"latency <= 0.3x"``; only members within them are trained. By default those
            within the budgets on costs.
        data: ``train``, the training split; ``calibration``, the few samples that there are in any case; ``auto``, the
            training split where the task has one.
        threads: that training is computed on; by default as many as are fastest.
        rate: the greatest learning rate; by default from how far a member is from the uncompressed network. ``0.1x``
            is a tenth of what it would be by default.
        precision: ``float32`` or ``bfloat16``; by default what is faster.
        losses: weights of ``mse``, ``kl``, ``dist`` (against the uncompressed network, without labels) and
            ``cross_entropy``; beside one of these, of ``features``, ``cosine``, ``attention`` and ``similarity``, which
            compare the insides. In ``benchmarks/RESULTS.md`` each gains at least what plain fine-tuning
            (``cross_entropy``) does. By default ``mse`` by 1 and, where images are convolved, ``features`` by 10.
        places: where the insides are compared: at the ``last`` activation before the head, or at the ends of all
            ``stages``, which takes much more memory.
        optimiser: ``sgd`` or ``adamw``.
        norms: whether batch norms stand behind convolutions while these are trained.
        batch: samples in a step; by default 128, of calibration samples 64.
        augment: changes of images: ``crop``, ``flip``, torchvision's ``autoaugment`` and ``randaugment``, and of a
            whole batch ``mixup`` and ``cutmix`` (one of the two, drawn for each). By default those of ``crop`` and
            ``flip`` under which the uncompressed network says what it said before.
        ema: of the running average of the weights, which is kept instead of the last ones, the share that stays in
            every step, e.g. ``0.99``; by default there is none.
        teachers: further ones beside the uncompressed network: ``file.py:callable`` (the file relative to the config)
            or ``package.module:callable`` that returns a ``torch.nn.Module`` of the same inputs and outputs.
        teacher_weights: of several teachers the ``mean`` of their outputs; or each weighted, sample by sample, by its
            ``confidence``, the probability of its first class.
        quantised: whether members are trained with the integers that their files hold, and the scales with them,
            rather than in floats that are rounded afterwards; ``auto``: those that have any weights of 4 bits or fewer.
        repair: what training begins from, by the names that ``compensate`` has; by default what members were repaired
            by in the search. ``block_reconstruction`` takes a minute for a member of ResNet-56's front.
        penalties: factors of ``slimming`` (the scales of norms), ``group_lasso`` (all weights of a channel) and
            ``growing`` (those of the lesser half of each group's channels, more with every step): what is added to the
            loss so that channels become small which are then pruned.
        take: what of that which was trained: ``better``, what is so beyond noise, of members that are worse than the
            uncompressed network; or ``always``, all, of all members, for what training is to prepare. By default the
            latter where there are penalties.
        sparsity: when weights become zero that ``prune_weights`` prunes: ``after`` training; ``once``, before its first
            step; ``cubic``, ever more of them in the first 60 % of the steps (Zhu, Gupta 2017). Members that are
            trained in integers have their zeros from the first step.
    """

    when: Literal["none", "front"] = "none"
    minutes: PositiveFloat | None = None
    steps: Natural | None = None
    where: Texts = []
    data: Literal["auto", "train", "calibration"] = "auto"
    threads: Positive | None = None
    rate: Rate | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    losses: dict[str, PositiveFloat] | None = None
    places: Literal["last", "stages"] = "last"
    optimiser: Literal["sgd", "adamw"] = "sgd"
    norms: bool = True
    batch: Positive | None = None
    augment: list[Literal["crop", "flip", "autoaugment", "randaugment", "mixup", "cutmix"]] | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    teachers: Texts = []
    teacher_weights: Literal["mean", "confidence"] = "mean"
    quantised: Literal["auto"] | bool = "auto"
    repair: str | None = None
    penalties: dict[str, PositiveFloat] | None = None
    take: Literal["better", "always"] | None = None
    sparsity: Literal["after", "once", "cubic"] = "cubic"

    @model_validator(mode="before")
    @classmethod
    def _front(cls, given: Any) -> Any:
        """Who says for how long wants it done."""
        limited = isinstance(given, dict) and any(given.get(key) is not None for key in ("minutes", "steps"))
        return {"when": "front", **given} if limited else given


class Config(Section):
    """The whole config.

    Attributes:
        task: ``file.py:callable`` (the file relative to the config) or ``package.module:callable``.
        objectives: two or more metrics; ``accuracy`` and ``quality`` mean the task's own, whatever it is called.
        budget: constraints such as ``"latency <= 0.5x"``.
        exclude: patterns of names of layers, such as ``head.*``, that no method changes; a method leaves out what its
            own ``exclude`` names, too.
        compress: options by compressor name; each compressor checks its own.
        device: where latency is measured.
        devices: or several such, by name; then ``latency@name`` is the latency on one of them, and ``latency`` that
            on the first, which candidates are built for. A list instead of one means several of the same kind, which
            share the readings after a check that they agree.
        latency: for how long.
        search: which candidates to try, and how many.
        recover: which members of the front are trained, for how long, and how.
        executor: where evaluations run.
        callbacks: who else is told of the search, by name: ``markdown``, ``tensorboard``, ``mlflow``.
    """

    task: str
    objectives: list[str] = ["accuracy", "latency"]
    budget: Texts = []
    exclude: Texts = []
    compress: Compressors = Field(default={name: {} for name in DEFAULT_COMPRESSORS}, validate_default=True)
    device: DeviceConfig = DeviceConfig()
    devices: dict[DeviceName, LikeDevices] = {}
    latency: LatencyConfig = LatencyConfig()
    search: SearchConfig = SearchConfig()
    recover: RecoverConfig = RecoverConfig()
    executor: ExecutorConfig = ExecutorConfig()
    callbacks: Texts = []

    @field_validator("compress")
    @classmethod
    def _excluding(cls, value: dict[str, dict[str, Any]], info: ValidationInfo) -> dict[str, dict[str, Any]]:
        """What no method changes stands in the options of each of them, so that they alone say what a search is."""
        patterns = info.data.get("exclude")
        return {name: _leaving_out(patterns, options) for name, options in value.items()} if patterns else value

    @model_serializer(mode="wrap")
    def _told(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``exclude`` where it is empty, so that configs of older runs stay equal."""
        told: dict[str, Any] = fields(self)
        return {key: value for key, value in told.items() if key != "exclude" or value}

    def places(self) -> dict[str, DeviceOptions]:
        """The devices by name; the only one of a config that names none is called ``""``.

        Raises:
            ConfigError: where values do not fit together.
        """
        return {name: options_of(units) for name, units in self.devices.items()} or {"": self.device.options()}

    def typed(self) -> RunConfig:
        """The same as the value that a search takes."""
        return RunConfig.of(self.resolved())

    def resolved(self) -> dict[str, Any]:
        """Every setting, defaults included, as plain values for YAML."""
        return self.model_dump(mode="json")
