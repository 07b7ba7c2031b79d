"""The end of what still waits at a rung when a study has nothing left to do."""

from __future__ import annotations

from searches.study.drawing import drawn
from searches.study.judge import counted, now, recorder
from searches.study.rung_trials import RungTrials
from searches.study.samplers import derived_seed
from searches.study.study import Study
from searches.training.resume import remove_state


def stop_paused(study: Study) -> None:
    """Ends every trial that still waits at a rung: its record says how far it came, and its state is removed."""
    config, trials = study.config, study.sampled
    if not isinstance(trials, RungTrials):
        return
    full, reduction = config.levels[-1], config.judging.reduction
    while (claim := trials.paused()) is not None:
        number, rung = claim.trial.number, claim.rung
        assert rung is not None, "what paused at a rung has one"
        label = trials.label(number)
        seed = derived_seed(config.seed, label)
        params = drawn(trials, claim, study.space.distributions())
        spec = study.space.spec(study.space.fields(params))
        make = recorder(label, number, seed, rung.started or now(), None, study.judge.data)
        record = make(
            state="stopped", spec=spec.to_dict(), arch_id=spec.arch_id, network=spec.label, params=params,
            rungs=rung.rungs, epochs=rung.reached,
            measurements=counted(spec, (*config.objectives, *config.constraints)),
            reason=f"after epoch {rung.reached} of {full}, from where one network of {reduction} goes on",
        )  # fmt: skip
        remove_state(trials.path(number))
        trials.finish(claim, record, config.objectives)
