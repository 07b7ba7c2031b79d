"""What a study asks of its storage beside what Optuna does: steps that no other process interrupts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, runtime_checkable

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage

Param: TypeAlias = tuple[Any, BaseDistribution]
"""The value of a parameter and where it was drawn from."""


@runtime_checkable
class Transactional(Protocol):
    """A storage whose calls can be made one step that no other process interrupts."""

    def transaction(self, study_id: int) -> AbstractContextManager[None]:
        """Makes the calls of this thread in a block one step; within another such block it is part of that one."""

    def create_new_trial(self, study_id: int) -> int:
        """Creates a running trial and returns its id."""

    def attribute(self, trial_id: int, name: str) -> Any:
        """Returns an attribute of a trial as it is now, ``None`` where it has none."""

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """Writes attributes and parameters of a running trial, all at once; those that stand there are replaced.

        Raises:
            UpdateFinishedTrialError: it has ended.
        """


class Alone:
    """A storage that one process has for itself, in memory: its threads wait for each other."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage, self._lock = storage, threading.RLock()

    @contextmanager
    def transaction(self, study_id: int) -> Iterator[None]:
        """See :class:`Transactional`."""
        with self._lock:
            yield

    def create_new_trial(self, study_id: int) -> int:
        """See :class:`Transactional`."""
        return self._storage.create_new_trial(study_id)

    def attribute(self, trial_id: int, name: str) -> Any:
        """See :class:`Transactional`."""
        return self._storage.get_trial_user_attrs(trial_id).get(name)

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """See :class:`Transactional`."""
        enter_each(self._storage, trial_id, attributes, params)


def enter_each(
    storage: BaseStorage, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param]
) -> None:
    """Writes attributes and parameters of a running trial one after the other, by Optuna's own methods."""
    for name, value in attributes.items():
        storage.set_trial_user_attr(trial_id, name, value)
    for name, (value, distribution) in params.items():
        storage.set_trial_param(trial_id, name, distribution.to_internal_repr(value), distribution)
