"""Which networks of a study are trained in full, each as a training run of its own. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from analysis.store.picks import pick_trials
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.retrained import RETRAINED_FILE, RETRAINED_FOLDER, RetrainedRecord, read_retrained_file
from analysis.store.runs import TRAIN_FILE, TRIALS_FOLDER, read_run
from archspace.checkpoint import WEIGHTS_FILE
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.seeds import check_seed, check_seeds
from searches.config.changes import first_difference
from searches.config.data import TEXT
from searches.config.recipe import Recipe
from searches.config.study import StudyConfig, parse_config
from searches.config.training import TrainConfig, TrainData, read_train
from searches.retraining.recipe import FullRecipe, full_recipe

SAME = frozenset({"name", "about", "source", "device", "threads", "plugins"})
"""Fields that may differ when a retraining goes on; so may where the data lie and what they are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a user asks for.

    Attributes:
        picks: of :func:`analysis.store.picks.pick_trials`.
        recipe: a built-in recipe or YAML file; the study's own training section with more epochs if left out.
        epochs: of every stage.
        seeds: trainings of each network.
        seed: of the first; the study's if left out.
        data: the data set's folder, where it is not where the study had it.
        use_val: learn from the validation images too.
        from_trial: start from the trial's weights, not from scratch.
        device, threads: of the training; the study's if left out.
        replace: train anew what was trained in another way.
        bounds: by quantity, what ``knee``, ``best`` and ``front`` must keep.
    """

    picks: tuple[str, ...] = ("knee",)
    recipe: str | None = None
    epochs: int | None = None
    seeds: int = 1
    seed: int | None = None
    data: Path | None = None
    use_val: bool = False
    from_trial: bool = False
    device: str | None = None
    threads: int | None = None
    replace: bool = False
    bounds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("--epochs", self.epochs), ("--threads", self.threads)):
            if value is not None and value < 1:
                raise FieldError(name, value, "must be at least 1", 1)
        check_seed(self.seed or 0)
        check_seeds(self.seeds, self.seed or 0)


State = Literal["new", "begun", "done", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One network to be trained with one seed.

    Attributes:
        trial, picked: the trial, and as what it was chosen.
        seed: of the training.
        folder: its training folder.
        config: the whole run.
        recipe: how it is trained.
        differs: the first field in which what the folder holds is another training, with both values.
    """

    trial: TrialRecord
    picked: str
    seed: int
    folder: Path
    config: TrainConfig
    recipe: FullRecipe
    differs: tuple[str, Any, Any] | None

    @property
    def name(self) -> str:
        """For people."""
        given = f"{self.trial.given}: " if self.trial.given else ""
        return f"trial {self.trial.label}, seed {self.seed}: {given}{self.trial.network or ''}"

    @property
    def before(self) -> RetrainedRecord | None:
        """The record of a training that ended in the folder."""
        path = self.folder / RETRAINED_FILE
        return read_retrained_file(path) if path.is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a call of ``retrain`` is to do."""

    run: Path
    record: StudyRecord
    study: StudyConfig
    jobs: tuple[Job, ...]


def plan(run: Path, wanted: Wanted) -> Plan:
    """Returns what is to be trained; nothing is written.

    Raises:
        InputError: no such run, no finished trial, no such pick or recipe, or a folder holds another training.
    """
    record = read_run(run)
    study = parse_config(dict(record.config))
    chosen = pick_trials(record, wanted.picks, wanted.bounds)
    _check_root(study, wanted)
    first = study.seed if wanted.seed is None else wanted.seed
    check_seeds(wanted.seeds, first)
    jobs = []
    for trial, picked in chosen:
        recipe = full_recipe(study, _own_recipe(study, trial), wanted.recipe, wanted.epochs)
        _check_encoder(trial, recipe, wanted.recipe)
        for seed in range(first, first + wanted.seeds):
            jobs.append(_job(run, study, trial, picked, seed, recipe, wanted))
    for job in jobs:
        if job.differs is not None and not wanted.replace:
            name, held, new = job.differs
            rule = f"was retrained with another value ({name}: {held} -> {new})"
            raise InputError(
                f"{job.folder}: {rule}; give the same options to keep it, or --replace to train it anew"
            )
    return Plan(run=run, record=record, study=study, jobs=tuple(jobs))


def _check_root(study: StudyConfig, wanted: Wanted) -> None:
    """Refuses data that are gone before anything heavy is imported."""
    root = study.data.root if wanted.data is None else wanted.data.expanduser()
    if root is not None and not (root.is_dir() or (study.data.layout == TEXT and root.is_file())):
        where = "; --data says where they are now" if wanted.data is None else ""
        raise FieldError("data.root", str(root), f"no such folder{where}")


def _own_recipe(study: StudyConfig, trial: TrialRecord) -> Recipe:
    """How the study trained a trial: a given network may have a recipe of its own."""
    given = next((one for one in study.reference if one.name == trial.given), None)
    return study.training if given is None else study.recipe_of(given)


def _check_encoder(trial: TrialRecord, recipe: FullRecipe, name: str | None) -> None:
    spec = trial.spec or {}
    alone = [number for number, stage in enumerate(recipe.recipe.plan(), 1) if stage.encoder_only]
    if alone and spec.get("decoder") in (None, "none"):
        rule = (
            f"its stage {alone[0]} leaves out the decoder, and trial {trial.label} ({trial.network}) has none"
        )
        raise FieldError("--recipe", name or "the study's own", rule, "a recipe without encoder_only")


def _job(
    run: Path, study: StudyConfig, trial: TrialRecord, picked: str, seed: int, recipe: FullRecipe, wanted: Wanted
) -> Job:  # fmt: skip
    if trial.spec is None:
        raise InputError(f"trial {trial.label}: its record holds no network")
    folder = run / RETRAINED_FOLDER / f"{trial.label}-seed{seed}"
    config = TrainConfig(
        name=f"{study.name}-{trial.label}",
        about=f"trial {trial.label} of {study.name}, trained in full",
        spec=ArchSpec.from_dict(trial.spec).to_dict(),
        data=_data(study, wanted),
        training=recipe.recipe,
        init=_weights(run, trial) if wanted.from_trial else None,
        seed=seed,
        device=wanted.device or study.device,
        threads=wanted.threads or study.threads,
        plugins=study.plugins,
    )
    return Job(
        trial=trial, picked=picked, seed=seed, folder=folder, config=config, recipe=recipe,
        differs=_difference(folder, config),
    )  # fmt: skip


def _data(study: StudyConfig, wanted: Wanted) -> TrainData:
    """The study's data: all of its splits, not the share of them that a search trains on."""
    held = study.data.model_dump()
    fields = {name: held[name] for name in TrainData.model_fields if name in held}
    root = study.data.root if wanted.data is None else wanted.data.expanduser().resolve()
    return TrainData.model_validate(
        {**fields, "root": root, "train": None, "val": None, "use_val": wanted.use_val}
    )


def _weights(run: Path, trial: TrialRecord) -> Path:
    path = run / TRIALS_FOLDER / trial.label / WEIGHTS_FILE
    if not path.is_file():
        raise FieldError(
            "--from-trial", trial.label, "the trial's weights are gone", "leave it out, to start from scratch"
        )
    return path.resolve()


def _difference(folder: Path, config: TrainConfig) -> tuple[str, Any, Any] | None:
    """How a training in ``folder`` differs from ``config``; ``None`` where there is none, or it is this one."""
    if not (folder / TRAIN_FILE).is_file():
        return None
    return first_difference(_identity(read_train(str(folder / TRAIN_FILE))), _identity(config))


def _identity(config: TrainConfig) -> dict[str, Any]:
    data = config.model_dump(mode="json", exclude={**dict.fromkeys(SAME, True), "data": {"root", "name"}})
    data["start"] = "from scratch" if data.pop("init") is None else "from the trial's weights"
    return data


def words_of(picks: Sequence[str | int] | str | int) -> tuple[str, ...]:
    """Returns picks from what a user gave: one, several, or several with commas between them.

    >>> words_of("knee,given"), words_of([3, "best"])
    (('knee', 'given'), ('3', 'best'))
    """
    listed = [picks] if isinstance(picks, str | int) else list(picks)
    return tuple(word.strip() for one in listed for word in str(one).split(",") if word.strip())
