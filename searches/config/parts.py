"""The parts of a StudyConfig: data, bounds, sampler, measuring, given networks, what they are compared for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from archspace.support.errors import FieldError, closest
from archspace.support.plugins import load_plugins, loaded_plugins, plugins_of
from archspace.support.registry import Registry, later
from archspace.support.seeds import MOST_SEED, SEED_RULE, nearest_seed
from searches.config.described import describe

Crop: TypeAlias = Literal["squash", "centre"]
"""How a picture of another aspect becomes the network's input."""


def _seed(value: int) -> int:
    """The seed that was given, refused with its place in the file where it is none."""
    nearest = nearest_seed(value)
    if value != nearest:
        raise PydanticCustomError("seed", SEED_RULE, {"expected": str(nearest)})
    return value


Seed: TypeAlias = Annotated[
    int, AfterValidator(_seed), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_SEED})
]
"""What everything random follows from."""


class Part(BaseModel):
    """A mapping of fields; unknown ones, and numbers that are not finite, are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, json_schema_extra=describe)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_no_truths(cls, value: object, info: ValidationInfo) -> object:
        """``true`` would be taken for 1 where a number is wanted."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if not _takes_truth(annotation) and _has_truth(value):
            raise ValueError("must not be true or false")
        return value


def _takes_truth(annotation: object) -> bool:
    """Whether a field of this type may be true or false, or hold what may."""
    inner = get_args(annotation)
    if inner and get_origin(annotation) is not Literal:
        return any(_takes_truth(one) for one in inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True  # its own fields say
    return annotation in (bool, Any, object)


def _has_truth(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_truth, value.values()))
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_has_truth, value)))


FIXED_BY_DATA = ("task", "classes", "input_size", "channels")
"""Fields of a spec that a study's task and data determine."""


def fixed_by_data(task: str) -> tuple[str, ...]:
    """Returns the fields of a spec that a study's task and data determine; a text leaves its words' embedding open."""
    return FIXED_BY_DATA if task != "language" else FIXED_BY_DATA[:-1]


class PluginConfig(Part):
    """A plug-in of a study or a training run.

    Attributes:
        module: what names it; a study may list this alone.
        version: with which the study was last run; written by archspace.
    """

    module: str
    version: str | None = None


def with_plugins(data: Mapping[str, Any]) -> dict[str, Any]:
    """Loads the plug-ins that the fields of a study or training name, before anything in them is looked up.

    Returns:
        The fields, with all plug-ins that are loaded as ``plugins``.

    Raises:
        FieldError: ``plugins`` is no list of modules.
        PluginError: one cannot be loaded.
    """
    given = data.get("plugins") or []
    named = plugins_of(given)
    if not isinstance(given, list | tuple) or len(named) != len(given):
        raise FieldError("plugins", given, "must be a list of modules", ["ghostkit"])
    load_plugins(one.module for one in named)
    return {**data, "plugins": [one.to_dict() for one in loaded_plugins()]}


class Free(Part):
    """What the values of a free field of the space are drawn from: ``choices``, or ``low`` to ``high``.

    Attributes:
        choices: the values.
        low, high: the smallest and the largest value.
        step: between two values; without it, a whole number has step 1 and any other is continuous.
        log: drawn evenly on a logarithmic scale.
        per_level: one value for each level of the network instead of one for all; for `unit`, `branches`, `alphas`,
            `receptive_field` and `inner`.
        where: searched only where other fields of the space have one of these values, at one level at least
            (`{unit: [esp, eesp]}`); elsewhere the network has its default.
    """

    choices: list[Any] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    per_level: bool = False
    where: dict[str, Any] = Field(default_factory=dict)


class Bound(Part):
    """A constraint: at most ``max``, at least ``min``, or both.

    Attributes:
        max: largest value that is allowed, in the quantity's own unit.
        min: smallest value that is allowed.
    """

    max: float | None = None
    min: float | None = None

    @model_validator(mode="after")
    def _some(self) -> Bound:
        if self.max is None and self.min is None:
            raise ValueError("needs max or min")
        return self


SAMPLERS: Registry[Callable[..., Any]] = Registry("sampler.name")
"""Makers of samplers by name: from a :class:`SamplerConfig`, and whether several workers share the study, to a function
from a seed to an Optuna sampler."""

SCREENED = "screened"
"""The sampler that trains the most promising of many networks that were counted and predicted."""

for _name in ("tpe", "nsga2", "nsga3", "gp", "random", SCREENED):
    later(SAMPLERS.field, _name, "searches.study.samplers")


class SamplerConfig(Part):
    """Which sampler, and its settings.

    Attributes:
        name: of :data:`SAMPLERS`: `screened` (of many networks, counted and predicted, the one that is expected to add
            most to the front for its cost), `tpe` (tree-structured Parzen estimator), `nsga2`, `nsga3`, `gp` (Gaussian
            process), `random`, or a plug-in's.
        startup: random trials that come first; of `tpe`, `gp` and `screened` (which takes them from every part of the
            space by MACs).
        cheapest_first: these come in the order of their networks' MACs, so that first results are there soon and what
            is dear is tried when something is known; which networks they are stays the same.
        population: of `nsga2` and `nsga3`.
    """

    name: str = SCREENED
    startup: int = Field(6, ge=1)
    cheapest_first: bool = False
    population: int = Field(12, ge=2)

    @field_validator("name", mode="before")
    @classmethod
    def _spelling(cls, name: object) -> object:
        """``NSGA-II`` and ``nsga2`` are one sampler."""
        if not isinstance(name, str):
            return name
        if name in SAMPLERS:
            return name
        plain = name.lower().replace("-", "").replace("_", "")
        return {"nsgaii": "nsga2", "nsgaiii": "nsga3"}.get(plain, plain)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in SAMPLERS:
            raise FieldError(SAMPLERS.field, name, "unknown sampler", closest(name, list(SAMPLERS)))
        return name


class MeasureConfig(Part):
    """What trained networks are measured on, and how; batch 1. Nothing is where the study asks for nothing of a device.

    Attributes:
        device: as of ``archspace measure --device``: ``cpu``, ``cuda``, ``ssh://user@host``.
        runtime: as of ``archspace measure --runtime``; if left out, what runs the exported file there: ONNX Runtime on
            a CPU, TensorRT (else ONNX Runtime) on a GPU and on a board.
        precision: of weights and activations.
        threads: CPU threads within an operator.
        warmup: untimed runs that come first.
        runs: timed runs.
        idle_s: seconds of the idle baseline, where power is sampled.
        busy_s: seconds under load that are counted, where power is sampled.
        spread: largest interquartile range, as a share of the median, that counts as stable.
        drift: largest change of clocks, or of a reference network's latency, that counts as stable.
        attempts: most times that an unstable measurement is taken.
        again: measure the final front once more, fresh, when the study is done; the new numbers replace the first.
        power: sample power even where no objective asks for it; where the device cannot, its record says why.
        wait_s: how long the study's end waits for a device that went away.
    """

    device: str = "cpu"
    runtime: str | None = None
    precision: Literal["float32", "float16", "bfloat16", "int8"] = "float32"
    threads: int = Field(1, ge=1)
    warmup: int = Field(5, ge=1)
    runs: int = Field(30, ge=5)
    idle_s: float = Field(3.0, gt=0)
    busy_s: float = Field(5.0, gt=0)
    spread: float = Field(0.10, gt=0)
    drift: float = Field(0.10, gt=0)
    attempts: int = Field(2, ge=1)
    again: bool = True
    power: bool = False
    wait_s: float = Field(600.0, ge=0)


class Given(Part):
    """A network that a study is told to train.

    Attributes:
        name: for people, in tables and plots.
        spec: whatever names a network (a preset, a spec file, ``RUN:knee``, a folder, a file), or fields of a spec.
        training: fields of the study's recipe that differ for this network.
        seed: of its training; derived from the study's seed if left out.
        weights: what names its weights (a checkpoint, ``RUN:N``, ...); it is evaluated instead of trained.
        repeat_of: the given network that this one is, with another seed.
    """

    name: str = Field(min_length=1)
    spec: str | dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)
    seed: Seed | None = None
    weights: Path | None = None
    repeat_of: str | None = None

    @property
    def alike(self) -> bool:
        """Whether it is trained as every other network of its study, so that one result may stand for two."""
        return not self.training and self.seed is None and self.weights is None


class Step(Part):
    """One step of an ablation: what ``variant`` gains over ``base``.

    Attributes:
        part: where it stands in the paper (``table 2(a)``).
        base, variant: names of given networks.
        change: in words, what the variant has and the base has not.
        published: the row of ``reports/published/ablations.csv`` that is about it, by its ``variant``; ``None`` where
            nothing is published.
    """

    part: str
    base: str
    variant: str
    change: str
    published: str | None = None


class Comparison(Part):
    """What the given networks of a study are compared for.

    Attributes:
        kind: ``modules`` (ESPNet figure 5), ``ablation`` (of ``paper``) or ``networks``.
        paper: whose ablation it is.
        steps: of an ablation, in the paper's order.
    """

    kind: Literal["modules", "ablation", "networks"]
    paper: Literal["espnet", "espnetv2"] | None = None
    steps: tuple[Step, ...] = ()
