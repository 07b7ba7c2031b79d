"""How networks are tried: spaces, data, training, studies.

The public names load what they need when first used:

- :func:`search`: runs a study, or goes on with one, and returns its :class:`StudyResults`;
- :class:`StudyResults`: a study's run folder, from which a network is picked, loaded and exported;
- :func:`retrain`: trains chosen networks of a study in full, and returns :class:`RetrainResults`;
- :func:`train`: trains one network by a recipe and returns a :class:`TrainResult`;
- :func:`evaluate`: the metrics of a trained network on a split of a data set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspace.support.lazy import lazy_names

if TYPE_CHECKING:
    from searches.retraining.run import RetrainResults, retrain
    from searches.study.results import StudyResults
    from searches.study.run import search
    from searches.training.evaluate import evaluate
    from searches.training.run import TrainResult, train

__all__ = ["RetrainResults", "StudyResults", "TrainResult", "evaluate", "retrain", "search", "train"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "RetrainResults": "searches.retraining.run",
        "StudyResults": "searches.study.results",
        "TrainResult": "searches.training.run",
        "evaluate": "searches.training.evaluate",
        "retrain": "searches.retraining.run",
        "search": "searches.study.run",
        "train": "searches.training.run",
    },
    needs=("analysis",),
)
