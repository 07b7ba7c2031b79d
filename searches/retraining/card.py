"""What the export of a retrained network says of it."""

from __future__ import annotations

from typing import Any

from analysis.quantities import described
from analysis.store.records import StudyRecord
from analysis.store.retrained import RetrainedRecord
from searches.study.card import said


def retrained_card(study: StudyRecord, record: RetrainedRecord) -> dict[str, Any]:
    """Returns how a retrained network was found and trained, and its numbers with their origin."""
    setting = record.setting
    data = {**said(study.config.get("data") or {}), "name": study.data_name}
    if "data" in record.how:
        data["fingerprint"] = record.how["data"]["fingerprint"]
    found = {
        "study": study.name,
        "trial": record.trial,
        "picked as": record.picked,
        "objectives": ", ".join(one.name for one in study.objectives),
        "weights": f"of a full training: {setting.words}",
        "task": study.config.get("task"),
        "data": data,
        "training": record.how.get("training"),
        "seed": record.seed,
    }
    if record.notes:
        found["notes"] = "; ".join(record.notes)
    numbers = [
        {**one.to_dict(), "title": described(name, study.noted).title}
        for name, one in record.measurements.items()
    ]
    return {"found": found, "numbers": numbers}
