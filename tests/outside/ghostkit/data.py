"""``csv``: ``ROOT/SPLIT.csv`` with the columns ``path`` (of a picture, from ROOT) and ``label`` (name of its class)."""

from __future__ import annotations

import csv
from pathlib import Path

from archspace.support.errors import InputError
from searches.data.dataset import Request, Sign
from searches.data.listing import Listing, OnFault, picture_file
from searches.data.reading import listed


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [(row["path"], row["label"]) for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (KeyError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: needs the columns path and label: {error}") from None


@listed(
    "csv",
    tasks=("classification",),
    sign=Sign(lambda root: (root / "train.csv").is_file(), "train.csv", rank=5),
)
def list_csv(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split; classes are the sorted labels of train.

    Raises:
        InputError: a file is missing or has other columns.
    """
    root = request.folder
    classes = tuple(sorted({label for _, label in _rows(root / "train.csv")}))
    pictures = []
    for path, label in _rows(root / f"{request.split}.csv"):
        if label in classes:
            pictures.append(picture_file(root / path, path, label=classes.index(label)))
        else:
            on_fault(InputError(f"{root / path}: class {label!r} is not in train"))
    return Listing(pictures=pictures, classes=classes)
