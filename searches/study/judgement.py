"""What a study thinks of networks before it trains them: its sampler, a forecast of limits, another run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import optuna

from analysis.predictors.many import ManyNetworks
from analysis.quantities import described
from analysis.store.fingerprint import DataFingerprint
from analysis.store.records import Measurement, TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from searches.config.parts import SCREENED
from searches.config.screen import ScreenConfig
from searches.config.study import StudyConfig
from searches.judging.features import Encoder
from searches.judging.latency import latency_predictor
from searches.judging.scoring import Scorer
from searches.judging.zero_cost import sample_of
from searches.study.foretelling import Forecast, Hopeless
from searches.study.known import FROM
from searches.study.pool import Ended, Screening, encoder_of
from searches.study.predictor import keep_errors, predictor_errors
from searches.study.samplers import RepeatableSampler, make_sampler
from searches.study.screened import PREDICTED_ATTR
from searches.study.screening import Screen
from searches.study.warm import Known, ended_of_run, known_of, known_trials, start_line
from searches.tasks.base import ImageTask, Task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a study has before it trains anything.

    Attributes:
        sampler: of its trials.
        forecast: what a device would measure, for limits on it.
        known: what another run trained, where the study starts from one.
        scorer: of untrained networks, where the study scores them.
        screening: what a screen knows of the study, where it has one.
        start_line: how much the other run tells the study; empty where it starts from none.
    """

    sampler: RepeatableSampler
    forecast: Forecast
    known: Known | None
    scorer: Scorer | None
    screening: Screening | None = None
    start_line: str = ""

    def keep(self, folder: Path) -> None:
        """Keeps in the run folder what must stay as it is."""
        if self.known is not None:
            self.known.save(folder)

    def sum_up(self, folder: Path, config: StudyConfig, records: Sequence[TrialRecord]) -> None:
        """Keeps in the run folder, and logs, how far the predictor was off and what scores cost."""
        if self.screening is not None:
            keep_errors(folder, config, records, predictor_errors(self.screening, records))
        if self.scorer is not None and self.scorer.networks:
            words = (
                f"{self.scorer.networks} untrained networks scored in {self.scorer.seconds:.1f} CPU seconds"
            )
            log.info("%s: %s", ", ".join(self.scorer.names), words)

    def hopeless(self, spec: ArchSpec, records: Sequence[TrialRecord]) -> Hopeless | None:
        """Returns why a network is not worth training; ``None`` where it may be."""
        return self.forecast.broken(spec, records) if self.forecast.limits else None

    def adopted(self, spec: ArchSpec, folder: Path) -> TrialRecord | None:
        """Returns another run's trial of the network, whose training is in the trial's folder now; ``None`` without."""
        twin = None if self.known is None else self.known.twin(spec.arch_id)
        return (
            twin if twin is not None and self.known is not None and self.known.adopt(twin, folder) else None
        )

    def marked(
        self, known: Mapping[str, Measurement], metric: str, twin: TrialRecord
    ) -> dict[str, Measurement]:
        """Returns measurements of which the metric says that it is another run's."""
        assert self.known is not None
        one = known[metric]
        return {**known, metric: replace(one, how={**one.how, FROM: self.known.label(twin)})}


def judgement(
    config: StudyConfig, folder: Path, screen: Screen, task: Task, data: DataFingerprint, *,
    measures: bool = True,
) -> Judgement:  # fmt: skip
    """Returns what a study thinks with.

    Args:
        folder: its run folder, which may not be there yet; nothing is written.
        screen: counts networks of its space.
        measures: whether this machine measures: a latency predictor is of the one that does.

    Raises:
        FieldError: a predictor or a run that it names does not fit it.
        InputError: there is none.
    """
    name, measure = config.judging.latency, config.measure if measures else None
    latency = None if name is None else latency_predictor(name, measure)
    known, scorer = known_of(config, folder, data), scorer_of(config, task)
    others = () if known is None or not config.trials else ended_of_run(known, screen, config.constraints)
    screens = config.sampler.name == SCREENED and config.trials > 0
    screening = screening_of(config, screen, latency, scorer, others) if screens else None
    sampler = make_sampler(
        config.sampler, screen.space, config.seed, config.workers > 1, screen.fits, screening,
        known_trials(others, known, screen, config.objectives, config.constraints) if known and others else (),
        screen.fitting,
    )  # fmt: skip
    encoder = encoder_of(screen, config.seed) if config.trials else Encoder(())
    return Judgement(
        sampler, Forecast(config.constraints, encoder, latency, config.seed), known, scorer, screening,
        "" if known is None else start_line(known, others, config.sampler),
    )  # fmt: skip


def screening_of(
    config: StudyConfig, screen: Screen, latency: ManyNetworks | None = None, scorer: Scorer | None = None,
    others: Sequence[Ended] = (),
) -> Screening:  # fmt: skip
    """Returns what a screen knows of a study."""
    return Screening(
        screen, config.objectives, config.constraints, config.judging.screen or ScreenConfig(), seed=config.seed,
        latency=latency, scorer=scorer, others=tuple(others),
    )  # fmt: skip


def scorer_of(config: StudyConfig, task: Task) -> Scorer | None:
    """Returns what scores untrained networks, where the study asks for it; its images are read when it is used."""
    zero_cost = None if config.judging.screen is None else config.judging.screen.zero_cost
    if zero_cost is None:
        return None
    if not isinstance(task, ImageTask):
        rule = f"zero-cost scores are of images, not of {config.task}"
        raise FieldError("judging.screen.zero_cost", list(zero_cost.scores), rule, "leave it out")
    stage = config.training.plan()[-1]
    make = partial(sample_of, task, stage, config.input_size, images=zero_cost.images)
    return Scorer(zero_cost.scores, make, config.threads)


def predictions(trial: optuna.Trial) -> dict[str, Measurement]:
    """Returns what was predicted of a trial when it was chosen, by quantity."""
    attributes = trial.study._storage.get_trial(trial._trial_id).system_attrs
    said: Mapping[str, Sequence[float]] = attributes.get(PREDICTED_ATTR) or {}
    how = {"predictor": "trials that had ended"}
    return {
        name: Measurement(name, mean, described(name).unit, "predicted", {**how, "deviation": deviation})
        for name, (mean, deviation) in said.items()
    }
