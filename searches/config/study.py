"""StudyConfig: one YAML file that says all of a study, validated."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)  # fmt: skip

from analysis.quantities import goals, main_metric, objective
from analysis.store.records import POWER, RUN_FORMAT
from archspace.support.errors import FieldError, closest
from archspace.support.text_files import read_text
from archspace.support.yaml_text import dump_yaml, parse_yaml
from searches.config.changes import changed
from searches.config.cores import Workers
from searches.config.data import TEXT, DataConfig, check_kind
from searches.config.errors import first_error
from searches.config.judging import Judging
from searches.config.limits import Constraints
from searches.config.parts import (
    SCREENED,
    Comparison,
    Given,
    MeasureConfig,
    Part,
    PluginConfig,
    SamplerConfig,
    Seed,
    with_plugins,
)
from searches.config.recipe import Recipe

StudyTask: TypeAlias = Literal["classification", "multilabel", "segmentation", "detection", "language"]
STUDY_TASKS: tuple[str, ...] = get_args(StudyTask)
"""Tasks that a study can train for."""

INT8_FORMATS: Mapping[str | None, str] = {None: "onnx", "onnxruntime": "onnx", "openvino": "openvino"}
"""The format whose INT8 form a study judges, by the runtime that it measures in."""


class StudyConfig(Part):
    """A study.

    Attributes:
        format: of the file; written by archspace.
        name: of the run folder and the Optuna study: letters, digits, ``.``, ``_`` and ``-``.
        task: what the networks are for; it says which metric judges them.
        data: what the networks are trained and judged on.
        space: spec fields; a plain value is fixed, a mapping with ``choices`` or ``low`` and ``high`` is free;
            empty where no trial is sampled.
        given: networks trained first: presets or spec files, under the same recipe, or :class:`Given`.
        objectives: one to three names; a direction belongs to each.
        constraints: bounds by name; counted ones are checked before any training.
        judging: how networks are judged before they are trained, or instead; each is trained in full if left out.
            With `rungs`, `trials` counts full trainings' worth of epochs.
        sampler: what chooses the next trial.
        trials: how many sampled trials are to finish; none for a comparison of the given networks.
        seed: a trial's seed follows from it and the trial's number.
        training: how every network is trained.
        from: the run folder of another study on the same data, by the same recipe: what it trained is known to the
            sampler from the start, even where the space has changed, and a network that it has is not trained again.
        device: where networks are trained.
        measure: what they are measured on, and how (``latency`` in studies of an earlier archspace).
        threads: CPU threads of each worker; a study repeats on the same machine with the same number.
        workers: processes that share the study, or ``auto``: one for every ``threads`` cores of this machine, one on
            each GPU. With more than one, which trial knows of which depends on timing.
        comparison: what the given networks are compared for, where the study is a comparison.
        storage: an Optuna storage URL (``postgresql+psycopg://...``, ``mysql+pymysql://...``), or ``journal:///FILE``
            for a journal file; a SQLite file in the run folder if left out.
        artifacts: a folder that all machines of the study reach, for weights and curves of its trials: a path, or an
            address that fsspec opens (``s3://BUCKET/FOLDER``); its database, or a folder beside its journal file, if
            left out.
        lease_s: seconds after which a worker on another machine counts as lost if nothing was heard of it; its trial is
            then taken up by another one. On one machine a process that died is noticed at once.
        plugins: modules of other people's code that the study needs (:mod:`archspace.support.plugins`); in a run
            folder, all that were loaded, with their versions.
    """

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    format: Literal[1] = RUN_FORMAT  # type: ignore[assignment]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    task: StudyTask
    data: DataConfig
    space: dict[str, Any] = Field(default_factory=dict)
    given: tuple[str | Given, ...] = ()
    objectives: tuple[str, ...]
    constraints: Constraints = Field(default_factory=dict)
    judging: Judging = Judging()
    sampler: SamplerConfig = SamplerConfig()
    trials: int = Field(16, ge=0)
    seed: Seed = 0
    training: Recipe = Recipe()
    from_: str | None = Field(None, alias="from")
    device: str = "cpu"
    threads: int = Field(1, ge=1)
    workers: Workers = 1
    measure: MeasureConfig = Field(MeasureConfig(), validation_alias=AliasChoices("measure", "latency"))
    comparison: Comparison | None = None
    storage: str | None = None
    artifacts: str | None = None
    lease_s: float = Field(60.0, ge=1)
    plugins: tuple[PluginConfig, ...] = ()

    @field_validator("objectives")
    @classmethod
    def _objectives(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        task = info.data.get("task", STUDY_TASKS[0])
        near = [name for name in dict.fromkeys(names) if objective(name, task=task).name in goals(task)][:3]
        if not 1 <= len(names) <= 3 or len(set(names)) != len(names):
            near = near or [main_metric(task).name, "macs"]
            raise FieldError("objectives", list(names), "one to three different objectives", near)
        return names

    @field_validator("given")
    @classmethod
    def _given_fits(cls, given: tuple[str | Given, ...]) -> tuple[str | Given, ...]:
        names = [one if isinstance(one, str) else one.name for one in given]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise FieldError("given", twice, "two networks of one name", f"{twice} 2")
        return given

    @property
    def reference(self) -> tuple[Given, ...]:
        """The given networks, each complete."""
        return tuple(Given(name=one, spec=one) if isinstance(one, str) else one for one in self.given)

    @model_validator(mode="after")
    def _fits_task(self) -> StudyConfig:
        check_kind(self.data.layout, self.task)
        if not self.trials and not self.given:
            raise FieldError("trials", 0, "a study without sampled trials needs given networks", 16)
        if self.trials and not self.space:
            raise FieldError("space", None, "sampled trials need a space", {"network": "espnetv2"})
        for one in self.reference:
            self.recipe_of(one)
        self.judging.check(self.training, self.trials)
        known = goals(self.task)
        for name in self.objectives:
            if name not in known:
                metric = main_metric(self.task).name
                raise FieldError("objectives", name, f"the metric of {self.task} is another", metric)
        for name in self.constraints:
            if name not in known:
                raise FieldError("constraints", name, "unknown quantity", closest(name, list(known)))
        runtime = self.measure.runtime
        for name in (*self.objectives, *self.constraints):
            if known[name].int8_of and runtime not in INT8_FORMATS:
                rule = f"has no INT8 form, which {name} is of"
                raise FieldError("measure.runtime", runtime, rule, "onnxruntime or openvino")
        return self

    @model_validator(mode="after")
    def _one_chooser(self) -> StudyConfig:
        """A screen is the sampler ``screened``, whether it is asked for by one name or the other."""
        if self.judging.screen is None or self.sampler.name == SCREENED:
            return self
        if "sampler" in self.model_fields_set and "name" in self.sampler.model_fields_set:
            rule = "a screen suggests the networks itself, another sampler cannot"
            raise FieldError("sampler.name", self.sampler.name, rule, SCREENED)
        object.__setattr__(self, "sampler", self.sampler.model_copy(update={"name": SCREENED}))
        return self

    @model_validator(mode="after")
    def _latency_is_asked_for(self) -> StudyConfig:
        if self.judging.latency is not None and "latency_ms" not in (*self.objectives, *self.constraints):
            rule = "the study neither optimises nor bounds the latency"
            raise FieldError(
                "judging.latency", self.judging.latency, rule, "constraints: {latency_ms: {max: 10}}"
            )
        return self

    @property
    def directions(self) -> list[str]:
        """Which way each objective is better."""
        return [objective(name).direction for name in self.objectives]

    @property
    def asked_of_device(self) -> tuple[str, ...]:
        """The objectives and constraints that a device must say."""
        asked = dict.fromkeys((*self.objectives, *self.constraints))
        return tuple(name for name in asked if goals()[name].source == "device")

    @property
    def asked(self) -> frozenset[str]:
        """All quantities that the study asks for: an unstable one of these bears a mark."""
        return frozenset((*self.objectives, *self.constraints, *(POWER if self.measure.power else ())))

    @property
    def measures(self) -> bool:
        """Whether trials are measured on a device at all."""
        return bool(self.asked_of_device) or self.measure.power

    @property
    def input_size(self) -> tuple[int, int]:
        """(H, W) of the networks' input: that at which training ends, which is the data's unless the recipe says.

        Of a text it is (T, 1), T the tokens of a window of training.
        """
        last = self.training.plan()[-1]
        if self.data.layout == TEXT:
            return last.window, 1
        size = last.last_size or self.data.input_size
        assert size is not None, "the data of pictures say it"
        return size

    @property
    def levels(self) -> tuple[int, ...]:
        """Epochs at which sampled networks are compared, and at which their training ends."""
        return self.judging.levels(self.training)

    def recipe_of(self, given: Given) -> Recipe:
        """Returns the recipe that a given network is trained by.

        Raises:
            FieldError: it names a field that no recipe has.
        """
        known = list(Recipe.model_fields)
        for name in given.training:
            if name not in known:
                where = f"given.{given.name}.training.{name}"
                raise FieldError(where, given.training[name], "unknown field", closest(name, known))
        return Recipe.model_validate({**self.training.model_dump(), **given.training})

    def to_yaml(self, *, short: bool = False) -> str:
        """Returns the resolved study as YAML; a ``short`` one without what is as it is by default."""
        return dump_yaml(self.model_dump(mode="json", exclude_defaults=short))


def parse_config(data: object) -> StudyConfig:
    """Returns a study from plain data.

    Raises:
        InputError: the first thing that is wrong.
    """
    if not isinstance(data, Mapping):
        raise FieldError("study", data, "must be a mapping of fields", "see 'archspace init'")
    version = data.get("format", RUN_FORMAT)
    if isinstance(version, int) and version > RUN_FORMAT:
        rule = f"written by a newer archspace; this one reads format {RUN_FORMAT}"
        raise FieldError("format", version, rule, RUN_FORMAT)
    fields = with_plugins(data)
    if data.get("task", STUDY_TASKS[0]) not in STUDY_TASKS:
        raise FieldError("task", data["task"], "unknown task", closest(str(data["task"]), list(STUDY_TASKS)))
    try:
        return StudyConfig.model_validate(fields)
    except ValidationError as error:
        raise first_error(error, StudyConfig) from None


def recipes() -> dict[str, str]:
    """Returns built-in studies: name -> YAML text."""
    folder = files("searches.config") / "studies"
    return {
        item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".yaml")
    }


def read_config(source: str, changes: Mapping[str, Any] | None = None) -> StudyConfig:
    """Returns the study in a YAML file, or the built-in recipe of that name.

    Args:
        source: a path or a recipe's name.
        changes: values that replace the file's, by dotted field (``data.root``).

    Raises:
        InputError: no such file or recipe, not YAML, or a field breaks a rule.
    """
    path, known = Path(source), recipes()
    if source in known:
        text = known[source]
    elif path.is_file():
        text = read_text(path)
    else:
        raise FieldError("study", source, "no such file or built-in study", closest(source, list(known)))
    data = parse_yaml(text, f"study: {source}")
    return parse_config(changed(data, changes or {}) if isinstance(data, dict) else data)
