"""Thresholds that travel with an export. No torch."""

from __future__ import annotations

from archspace.export.signature import ExportOptions
from archspace.plan.detection import OVERLAP
from archspace.support.errors import FieldError

SCORE = 0.5
"""Least score of what is named, where the user says none; that of ``archspace demo``."""


def thresholds(task: str, options: ExportOptions) -> dict[str, float]:
    """Returns the least score of what is named, and of detectors the overlap above which two objects are one.

    Raises:
        FieldError: a threshold is given that the task does not have.
    """
    usual = {"detection": {"score": SCORE, "overlap": OVERLAP}, "multilabel": {"score": SCORE}}.get(task, {})
    given = {"score": options.threshold, "overlap": options.overlap}
    for name, value in given.items():
        if value is not None and name not in usual:
            option = {"score": "--threshold", "overlap": "--overlap"}[name]
            raise FieldError(option, value, f"{task} has none", "leave it out")
    chosen = {}
    for name, value in usual.items():
        asked = given[name]
        chosen[name] = value if asked is None else float(asked)
    return chosen
