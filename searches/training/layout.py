"""Which layout the data of a training run have. No torch."""

from __future__ import annotations

import os
from pathlib import Path

from analysis.store.runs import STUDY_FILE, TRAIN_FILE
from archspace.spec.named import NamedNetwork
from archspace.support.errors import FieldError
from searches.config.data import OF_TEXT, check_kind, check_splits
from searches.config.study import read_config
from searches.config.training import TrainData, read_train
from searches.data.identify import TEXT, identify

BUILT_IN = {"classification": "digits", "language": None}
"""Layout of the data that are there without a folder, by task; the drawn scenes are there for every other."""


def layout_for(task: str, data: TrainData) -> str:
    """Returns the layout of the data, which must be text for a language model and pictures for any other task.

    Raises:
        InputError: there are no data, or they are of the other kind.
    """
    layout = data.layout or (identify(data.root) if data.root is not None else None)
    if layout is None:
        built_in = BUILT_IN.get(task, "scenes")
        near = "--data FOLDER" if built_in is None else f"--data FOLDER, or --layout {built_in}"
        raise FieldError("--data", None, "needs a folder, or --layout of built-in data", near)
    check_kind(layout, task)
    if layout != TEXT:
        check_splits(data.splits, layout)
    for name in ("classes", "void", "input_size") if layout == TEXT else OF_TEXT:
        if getattr(data, name) is not None:
            kind = "pictures; a text has none" if layout == TEXT else "texts; pictures have none"
            raise FieldError(f"data.{name}", getattr(data, name), f"is of {kind}", "leave it out")
    return layout


def data_of(named: NamedNetwork | None, root: str | os.PathLike[str] | None, layout: str | None) -> TrainData:
    """Returns the data that a network is to be judged on: those that are named, else its own."""
    if root is None and layout is None:
        return own_data(named)
    own = TrainData() if root is None else own_data(named)
    if own.root is not None and root is not None and own.root.resolve() == Path(root).expanduser().resolve():
        names = ("classes", "void", "vocabulary", "splits", "seed")
        said = {name: getattr(own, name) for name in names}
        return TrainData.model_validate({"layout": layout or own.layout, "root": Path(root), **said})
    return TrainData(layout=layout, root=None if root is None else Path(root))


def own_data(named: NamedNetwork | None) -> TrainData:
    """Returns the data that a network was trained and judged on: as its training folder or its study says.

    Args:
        named: the network; of one that is neither a training folder nor a run's trial nothing is known.
    """
    folder = None if named is None else named.run
    if folder is not None and (folder / TRAIN_FILE).is_file():
        return read_train(str(folder / TRAIN_FILE)).data
    if folder is not None and (folder / STUDY_FILE).is_file():
        data = read_config(str(folder / STUDY_FILE)).data
        return TrainData.model_validate(data.model_dump(exclude={"name", "input_size", "channels"}))
    return TrainData()
