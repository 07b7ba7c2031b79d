"""``masks``: any folders of images and masks, described by ``ROOT/dataset.yaml``::

    images: images/{split}        # folders below ROOT; {split} stands for the split's folder
    masks: labels/{split}
    mask_suffix: _L               # what a mask's name has after the image's (nothing if left out)
    classes: [road, sky, car]     # names in the order of the mask's values
    void: 255                     # one value, a list of values, or null
    labels: {7: 0, 8: 1, 11: 2}   # optional: value in the mask -> class index; every other value must be void
    categories: [flat, sky, vehicle]            # optional: one a class
    colours: [[128, 64, 128], [70, 130, 180], [0, 0, 142]]  # optional: red, green and blue, one a class
    splits: {train: train, val: lists/val.txt}  # a folder's name, a list file of names, or a list of names

A mask has its image's name, ``mask_suffix`` and ``.png``. Names of a list may leave out the image's suffix.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archspace.support.errors import FieldError, InputError
from archspace.support.palette import Colour, is_colour
from searches.config.errors import first_error
from searches.data.dataset import SPLITS, VOID, Request, Sign
from searches.data.images import is_image_name, list_images
from searches.data.layouts.maskfiles import Values, mask_pictures, plain_values, values_of
from searches.data.listing import Listing, OnFault
from searches.data.reading import listed

FILE = "dataset.yaml"


class Description(BaseModel):
    """What ``dataset.yaml`` says; its fields are explained at the head of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: str
    masks: str
    classes: list[str] = Field(min_length=1, max_length=VOID)
    void: int | list[int] | None = VOID
    labels: dict[int, int] | None = None
    categories: list[str] | None = None
    colours: list[Colour] | None = None
    splits: dict[str, str | list[str]]
    mask_suffix: str = ""


SIGN = Sign(lambda root: (root / FILE).is_file(), "dataset.yaml", rank=10)


@listed("masks", tasks=("segmentation",), sign=SIGN)
def list_masks(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split in the order of its list, or sorted by name.

    Raises:
        InputError: ``dataset.yaml`` is missing or wrong, or a folder or list is missing.
    """
    root = request.folder
    about = read_description(root / FILE)
    if request.split not in about.splits:
        known = ", ".join(about.splits)
        raise FieldError("data.split", request.split, f"{root / FILE} has no such split (here: {known})")
    wanted = about.splits[request.split]
    folder = wanted if isinstance(wanted, str) and not wanted.endswith(".txt") else request.split
    images, masks = (_folder(root, text, folder) for text in (about.images, about.masks))
    if isinstance(wanted, str) and not wanted.endswith(".txt"):
        files = list_images(images)
    else:
        names = wanted if isinstance(wanted, list) else _lines(_folder(root, wanted, ""))
        files = [image for name in names if (image := _image(images, name, on_fault))]
    pairs = [
        (image, masks / image.relative_to(images).with_name(f"{image.stem}{about.mask_suffix}.png"))
        for image in files
    ]
    values = meaning_of(about)
    return Listing(
        pictures=mask_pictures(root, pairs, values, on_fault),
        classes=tuple(about.classes),
        void=VOID,
        categories=tuple(about.categories or ()),
        colours=tuple(about.colours or ()),
        key={"values": values.key},
    )


def read_description(path: Path) -> Description:
    """Reads and checks ``dataset.yaml``.

    Raises:
        InputError: the file and the first field that is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        about = Description.model_validate(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise InputError(f"{path}: {first_error(error, Description)}") from None
    last = len(about.classes) - 1
    if len(set(about.classes)) <= last:
        raise InputError(f"{path}: classes: a name occurs twice")
    if about.categories is not None and len(about.categories) != last + 1:
        raise InputError(f"{path}: categories: has {len(about.categories)} names for {last + 1} classes")
    if about.colours is not None and len(about.colours) != last + 1:
        raise InputError(f"{path}: colours: has {len(about.colours)} for {last + 1} classes")
    wrong = next((colour for colour in about.colours or () if not is_colour(colour)), None)
    if wrong is not None:
        raise InputError(f"{path}: colours: {list(wrong)}: must be red, green and blue from 0 to 255")
    strange = next((name for name in about.splits if name not in SPLITS), None)
    if strange is not None:
        raise InputError(f"{path}: splits.{strange}: unknown split; must be one of {', '.join(SPLITS)}")
    for value, label in (about.labels or {}).items():
        if not 0 <= label <= last or not 0 <= value < 2**16:
            raise InputError(
                f"{path}: labels: {value}: {label}: must map a value 0..65535 to a class 0..{last}"
            )
    known = set(about.labels) if about.labels is not None else set(range(last + 1))
    for value in _void(about):
        if value in known or not 0 <= value < 2**16:
            raise InputError(f"{path}: void: {value}: must be 0..65535 and no class's value")
    return about


def meaning_of(about: Description) -> Values:
    """Returns what the values in the masks mean."""
    void = _void(about)
    if about.labels is None:
        return plain_values(len(about.classes), void)
    meaning = {**about.labels, **dict.fromkeys(void, VOID)}
    return values_of(meaning, f"one of {', '.join(map(str, sorted(meaning)))} (labels and void of {FILE})")


def _void(about: Description) -> Sequence[int]:
    if about.void is None:
        return ()
    return [about.void] if isinstance(about.void, int) else about.void


def _folder(root: Path, text: str, split: str) -> Path:
    """A path below the root, with the split's folder put in."""
    inner = PurePosixPath(text.replace("{split}", split))
    if inner.is_absolute() or ".." in inner.parts:
        raise InputError(f"{root / FILE}: {text!r}: must be a path below the folder of {FILE}")
    return root / inner


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of names: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _image(folder: Path, name: str, on_fault: OnFault) -> Path | None:
    """The image of that name in the folder, its suffix found where it is left out."""
    path = folder / name
    if is_image_name(path.name):
        if path.is_file():
            return path
    else:
        candidates = sorted(path.parent.glob(f"{path.name}.*"))
        for candidate in candidates:
            if is_image_name(candidate.name):
                return candidate
    on_fault(InputError(f"{path}: no such image"))
    return None
