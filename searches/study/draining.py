"""What a person asks of a study while it runs: that workers end after their trial, or that a trial is stopped."""

from __future__ import annotations

import os
import platform
import uuid
from datetime import UTC, datetime

import optuna

from archspace.support.errors import FieldError, closest

DRAIN_ATTR = "drain "
"""Begins the study's attributes that ask workers to end."""
STOP_ATTR = "stop"
"""The attribute of a running trial that is to be stopped: why, in words."""


STOPPED_BY_HAND = "stopped by archspace drain"
"""The reason of a trial that a person ended."""


class Stopped(Exception):
    """A person has asked for the end of this trial."""


class Drain:
    """Whether this process was asked to end after its trial; what was asked before it began does not concern it.

    Args:
        study: the sampled trials' Optuna study, which has all requests.

    Attributes:
        was_asked: what :meth:`asked` said last.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study, self._before = study, _requests(study)
        self.was_asked = False

    def asked(self) -> bool:
        """Looks whether it was."""
        here = platform.node()
        mine = (None, here, f"{here}:{os.getpid()}")
        requests = _requests(self._study)
        self.was_asked = any(worker in mine for name, worker in requests.items() if name not in self._before)
        return self.was_asked


def _requests(study: optuna.Study) -> dict[str, str | None]:
    return {name: held["worker"] for name, held in study.user_attrs.items() if name.startswith(DRAIN_ATTR)}


def ask_to_end(study: optuna.Study, worker: str | None) -> None:
    """Asks workers to end after their trial: those of a host, one process of it (``HOST:PROCESS``), or all."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    study.set_user_attr(f"{DRAIN_ATTR}{uuid.uuid4().hex[:12]}", {"worker": worker, "since": since})


def ask_to_stop(study: optuna.Study, label: str, number: int) -> None:
    """Asks whoever runs a trial to stop it at its next step.

    Args:
        study: that the trial is of.
        label: as the user gave it.
        number: of the trial.

    Raises:
        FieldError: it does not run.
    """
    running = {
        trial.number: trial._trial_id
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    }
    if number not in running:
        prefix = label.removesuffix(str(number))
        labels = [f"{prefix}{one}" for one in sorted(running)]
        nearest = closest(label, labels) if labels else "'archspace status RUN' lists those that run"
        raise FieldError("--stop", label, "no such trial runs", nearest)
    study._storage.set_trial_user_attr(running[number], STOP_ATTR, STOPPED_BY_HAND)
