"""What a study's trials came to: their records, each read from the storage once."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from analysis.quantities import Quantity
from analysis.store.records import TrialRecord
from archspace.support.numbers import number

FROM = "from"
"""In how a trial's metric was taken: the trial of another run that was copied, ``RUN:N``."""
RECORD_ATTR = "record"
REPLACED_ATTR = "record of "
"""Begins the study's attribute that has a trial's newer record: attributes of a trial that ended cannot change."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
STATES = {
    "complete": TrialState.COMPLETE, "infeasible": TrialState.PRUNED, "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}  # fmt: skip
"""Optuna's states of trials, by those of their records."""


class Known:
    """The records of the trials that ended, each read once.

    Args:
        keep: leave the records in the trials that they are read from, too; Optuna's copy of a database needs them no
            more, and has as much memory for them again.

    Attributes:
        records: by number.
        open: numbers of the trials that have not ended.
        complete: how many ended with values.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self.records: list[TrialRecord] = []
        self.open: set[int] = set()
        self.complete = self._listed = 0
        self._seen: set[int] = set()
        self._replaced: dict[str, Any] = {}
        self._networks: dict[str | None, list[TrialRecord]] = {}

    def update(self, trials: Sequence[FrozenTrial], attributes: Mapping[str, Any]) -> None:
        """Takes over what has ended or was replaced since.

        Args:
            trials: all of the study, by number from 0.
            attributes: of the study, with the records that were replaced.
        """
        self.open.update(range(self._listed, len(trials)))
        self._listed = len(trials)
        for frozen in [trials[index] for index in sorted(self.open)]:
            if frozen.state not in FINISHED:
                continue
            self.open.discard(frozen.number)
            self.complete += frozen.state == TrialState.COMPLETE
            record = _record(frozen) if frozen.number not in self._seen else None
            if record is not None:
                self.add(record)
            if not self._keep:
                frozen.user_attrs.pop(RECORD_ATTR, None)
        for name, data in attributes.items():
            if name.startswith(REPLACED_ATTR) and self._replaced.get(name) != data:
                self._replaced[name] = data
                self._replace(TrialRecord.from_dict(data))

    def add(self, record: TrialRecord) -> None:
        """Takes over a record."""
        if record.number in self._seen:
            return
        self._seen.add(record.number)
        insort(self.records, record, key=_number)
        insort(self._networks.setdefault(record.arch_id, []), record, key=_number)

    def _replace(self, record: TrialRecord) -> None:
        for records in (self.records, self._networks.get(record.arch_id, [])):
            place = bisect_left(records, record.number, key=_number)
            if place < len(records) and records[place].label == record.label:
                records[place] = record

    def of_network(self, arch_id: str) -> list[TrialRecord]:
        """Returns the records of one network, by number."""
        return self._networks.get(arch_id, [])


def _number(record: TrialRecord) -> int:
    return record.number


def _record(frozen: FrozenTrial) -> TrialRecord | None:
    data = frozen.user_attrs.get(RECORD_ATTR)
    if data is None:
        return None
    return TrialRecord.from_dict(parse_shared(data) if isinstance(data, str) else data)


_SHARED: dict[Any, Any] = {}
"""Texts and small mappings that many records have, each kept once; nobody changes them."""
MOST_SHARED = 100_000


def parse_shared(text: str) -> Any:
    """Returns a record of JSON, of which equal parts of other records are the same objects: a tenth of the memory."""
    if len(_SHARED) > MOST_SHARED:
        _SHARED.clear()
    return json.loads(text, object_pairs_hook=_share)


def _share(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    one = {_SHARED.setdefault(name, name): _shared_value(value) for name, value in pairs}
    try:
        return _SHARED.setdefault(("of", *one.items()), one)  # type: ignore[no-any-return]
    except TypeError:  # it holds a list or a mapping, which have no hash
        return one


def _shared_value(value: Any) -> Any:
    return _SHARED.setdefault(value, value) if isinstance(value, str) else value


def attributes(record: TrialRecord) -> dict[str, Any]:
    """Returns what a person looks for in a trial: its network and how it ended, and every number in its own unit."""
    words = {
        "label": record.label, "network": record.network, "arch_id": record.arch_id, "given": record.given,
        "duplicate_of": record.duplicate_of, "state": record.state, "reason": record.reason,
    }  # fmt: skip
    numbers = {name: one.value for name, one in record.measurements.items()}
    return {name: value for name, value in (words | numbers).items() if value is not None}


def in_words(record: TrialRecord, quantity: Quantity) -> str:
    """Returns a trial's value of an objective for people; one that is predicted says so."""
    text = f"{quantity.name} {number(record.values[quantity.name], quantity.unit)}"
    taken = record.measurements.get(quantity.name)
    return f"{text} predicted" if taken is not None and taken.origin == "predicted" else text


def remark(record: TrialRecord) -> str:
    """Returns why a trial ended as it did, or which other trial's result it has; empty for one that was trained."""
    if record.reason:
        return record.reason
    if record.duplicate_of:
        return f"same network as trial {record.duplicate_of}"
    other = next((one.how[FROM] for one in record.measurements.values() if FROM in one.how), None)
    return "" if other is None else f"from {other}"
