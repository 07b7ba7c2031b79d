"""Networks of a study that were trained in full: their records, beside what the search said. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from analysis.fronts.correlation import LEAST, RankCorrelation, rank_correlation
from analysis.quantities import described
from analysis.store.records import Measurement, Origin, StudyRecord, TrialRecord
from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.numbers import counted
from archspace.support.text_files import read_json

RETRAINED_FOLDER = "retrained"
RETRAINED_FILE = "retrained.json"
"""In the folder of a retrained network when all is done; until then the training goes on."""
RETRAINED_FORMAT = 1

Start = Literal["scratch", "trial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How networks were retrained and judged; only those of one setting are compared with each other.

    Attributes:
        recipe: its name, or that it is the study's own.
        epochs: of all stages.
        start: from scratch, or from the trial's weights.
        trained_on: splits that were learned from.
        images: so many; of a text, tokens.
        split: on which the network was judged once, when all was over.
        judged_images: so many.
        counts: what they are counted in: images, or tokens.
    """

    recipe: str
    epochs: int
    start: Start
    trained_on: tuple[str, ...]
    images: int
    split: str
    judged_images: int
    counts: str = "images"

    @property
    def words(self) -> str:
        """In words: ``80 epochs from scratch on 400 images (train), judged on 100 (test)``."""
        start = "from scratch" if self.start == "scratch" else "from the trial's weights"
        learned = f"{self.images:,} {self.counts} ({' and '.join(self.trained_on)})"
        epochs = counted(self.epochs, "epoch")
        return f"{epochs} {start} on {learned}, judged on {self.judged_images:,} ({self.split}); recipe: {self.recipe}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainedRecord:
    """One training of one network of a study, from beginning to end.

    Attributes:
        trial: label of the trial whose network it is.
        seed: of the training.
        picked: as what it was chosen.
        folder: the training folder's name within ``retrained/``.
        network, arch_id: label and id of the network.
        metric: name of the quantity that says how good it is.
        setting: how it was trained and judged.
        measurements: the metric on the setting's split, and what the study's device said, by name.
        test_evaluations: how often a network of this trial and seed was judged on the test split; more than once says
            that a training was chosen again after its result was seen.
        exported: whether the folder holds a verified export.
        notes: what a reader must know: why val judged, why nothing was exported or measured.
        finished: ISO 8601 time in UTC.
        how: environment and command.
    """

    trial: str
    seed: int
    picked: str
    folder: str
    network: str
    arch_id: str
    metric: str
    setting: Setting
    measurements: Mapping[str, Measurement]
    test_evaluations: int = 0
    exported: bool = False
    notes: tuple[str, ...] = ()
    finished: str | None = None
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The metric on the setting's split."""
        return self.measurements[self.metric].value

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        data["setting"] = {name: getattr(self.setting, name) for name in Setting.__slots__}
        data["measurements"] = {name: one.to_dict() for name, one in self.measurements.items()}
        return {"format": RETRAINED_FORMAT, **data, "notes": list(self.notes), "how": dict(self.how)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RetrainedRecord:
        """Returns inverse of :meth:`to_dict`."""
        fields = {name: value for name, value in data.items() if name != "format"}
        setting = dict(data["setting"])
        setting["trained_on"] = tuple(setting["trained_on"])
        fields["setting"] = Setting(**setting)
        fields["measurements"] = {n: Measurement.from_dict(one) for n, one in data["measurements"].items()}
        fields["notes"] = tuple(data.get("notes") or ())
        return cls(**fields)


def write_retrained(folder: Path, record: RetrainedRecord) -> None:
    """Writes the record of a retrained network into its training folder, whole or not at all."""
    write_text(folder / RETRAINED_FILE, json.dumps(record.to_dict(), indent=1) + "\n")


def read_retrained_file(path: Path) -> RetrainedRecord:
    """Returns the record of one retrained network.

    Raises:
        InputError: the file is broken, or of a newer archspace.
    """
    try:
        data = read_json(path)
        if int(data["format"]) > RETRAINED_FORMAT:
            raise InputError(
                f"{path}: format {data['format']} was written by a newer archspace: update archspace"
            )
        return RetrainedRecord.from_dict(data)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path}: broken record: {type(error).__name__}: {text}") from None


def read_retrained(run: Path) -> tuple[RetrainedRecord, ...]:
    """Returns the finished retrainings of the run in ``run``, those of a trial together, by seed.

    Raises:
        InputError: a record is broken.
    """
    files = sorted((run / RETRAINED_FOLDER).glob(f"*/{RETRAINED_FILE}"))
    records = [read_retrained_file(path) for path in files]
    return tuple(sorted(records, key=lambda one: (len(one.trial), one.trial, one.seed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """A network of a study, what the search said of it, and what full training in one setting came to.

    Attributes:
        trial: its record.
        setting: shared by all of ``records``.
        records: one a seed.
        searched: the metric in the study; NaN where the study has none.
        mean: of the metric over the seeds.
        deviation: the sample's standard deviation over the seeds; ``None`` of one.
    """

    trial: TrialRecord
    setting: Setting
    records: tuple[RetrainedRecord, ...]
    searched: float
    mean: float
    deviation: float | None

    @property
    def name(self) -> str:
        """The given network's name, else the network's label."""
        return self.trial.given or self.records[0].network

    @property
    def searched_origin(self) -> Origin:
        """How the study came to the metric: ``measured``, or ``predicted`` where the network was not trained."""
        taken = self.trial.measurements.get(self.records[0].metric)
        return "measured" if taken is None else taken.origin

    @property
    def searched_words(self) -> str:
        """The metric of the study in a word or two, for a heading."""
        return "searched" if self.searched_origin == "measured" else f"searched ({self.searched_origin})"

    def measured(self, name: str) -> Measurement | None:
        """What the device said of the retrained network; it does not depend on the seed."""
        return next((one.measurements[name] for one in self.records if name in one.measurements), None)


def retrained_networks(study: StudyRecord, records: Sequence[RetrainedRecord]) -> tuple[Retrained, ...]:
    """Returns the retrained networks, a line for each trial and setting, the largest setting first, best first in it.

    A record whose trial is not in the study is passed over.
    """
    trials = {trial.label: trial for trial in study.trials}
    grouped: dict[tuple[Setting, str], list[RetrainedRecord]] = {}
    for record in records:
        if record.trial in trials:
            grouped.setdefault((record.setting, record.trial), []).append(record)
    sizes = {setting: sum(other == setting for other, _ in grouped) for setting, _ in grouped}
    lines = []
    for (setting, label), members in grouped.items():
        values = [one.value for one in members]
        lines.append(
            Retrained(
                trial=trials[label], setting=setting, records=tuple(members),
                searched=searched_value(trials[label], members[0].metric), mean=fmean(values),
                deviation=stdev(values) if len(values) > 1 else None,
            )
        )  # fmt: skip
    lines.sort(key=lambda one: (-sizes[one.setting], one.setting.words, _worse(one)))
    return tuple(lines)


def _worse(one: Retrained) -> float:
    """The mean with the sign that makes less the better; what is not a number stands last."""
    better = 1 if described(one.records[0].metric).direction == "minimize" else -1
    return better * one.mean if one.mean == one.mean else math.inf


def searched_value(trial: TrialRecord, metric: str) -> float:
    """Returns what the study said of a trial; NaN where it said nothing."""
    measured = trial.measurements.get(metric)
    return trial.values.get(metric, math.nan) if measured is None else measured.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well the order of the search is that of full training, in one setting.

    Attributes:
        n: networks of which both numbers are known.
        correlation: ``None`` where there is nothing to say; ``words`` says why.
        words: one sentence.
    """

    setting: Setting
    n: int
    correlation: RankCorrelation | None
    words: str


def agreements(networks: Sequence[Retrained]) -> tuple[Agreement, ...]:
    """Returns the rank correlation of searched and retrained values, one for each setting, the largest first."""
    settings = dict.fromkeys(one.setting for one in networks)
    return tuple(_agreement(one, [n for n in networks if n.setting == one]) for one in settings)


def _agreement(setting: Setting, networks: Sequence[Retrained]) -> Agreement:
    pairs = [(one.searched, one.mean) for one in networks]
    n = sum(math.isfinite(a) and math.isfinite(b) for a, b in pairs)
    correlation = rank_correlation(*zip(*pairs, strict=True))
    if correlation is not None:
        words = (
            f"Rank correlation of searched and retrained values: Kendall's tau {correlation.kendall:.2f}, "
            f"Spearman's rho {correlation.spearman:.2f} (n = {n})."
        )
    elif n < LEAST:
        many = f"{n} network{'' if n == 1 else 's'}"
        words = f"No rank correlation of {many}: it says something from {LEAST} on."
    else:
        words = f"No rank correlation: one side has the same value for all {n} networks."
    return Agreement(setting=setting, n=n, correlation=correlation, words=words)
