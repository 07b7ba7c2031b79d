"""``masks``: any folders of images and masks, described by ``ROOT/dataset.yaml``::

    images: images/{split}        # folders below ROOT; {split} stands for the split's folder
    masks: labels/{split}
    mask_suffix: _L               # what a mask's name has after the image's (nothing if left out)
    classes: [road, sky, car]     # names in the order of the mask's values; those of classes.txt if left out
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

from pydantic import ConfigDict, Field, ValidationError

from archspace.support.errors import FieldError, InputError
from archspace.support.palette import Colour, is_colour
from archspace.support.text_files import listed_names
from archspace.support.yaml_text import read_yaml
from searches.config.errors import first_error
from searches.config.parts import Part
from searches.data.class_list import SAID, own_classes
from searches.data.dataset import Request, Sign
from searches.data.image_names import ImageNames, is_image_name, list_images, unpaired, unread_in
from searches.data.layouts.maskfiles import Values, mask_pictures, masks_of, plain_values, values_of
from searches.data.listing import Listing, OnFault
from searches.data.own import Own
from searches.data.reading import listed
from searches.data.splits import SPLITS, VOID

FILE = "dataset.yaml"


class Description(Part):
    """What ``dataset.yaml`` says; its fields are explained at the head of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: str
    masks: str
    classes: list[str] | None = Field(None, min_length=1, max_length=VOID)
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
    about = read_description(root / FILE, request.own)
    if request.split not in about.splits:
        known = ", ".join(about.splits)
        raise FieldError("data.split", request.split, f"{root / FILE} has no such split (here: {known})")
    wanted = about.splits[request.split]
    folder = wanted if isinstance(wanted, str) and not wanted.endswith(".txt") else request.split
    images, masks = (_folder(root, text, folder) for text in (about.images, about.masks))
    whole = isinstance(wanted, str) and not wanted.endswith(".txt")
    if whole:
        files, unread = list_images(images), unread_in(images)
    else:
        lines = wanted if isinstance(wanted, list) else listed_names(_folder(root, wanted, ""))
        finder = Finder(images, on_fault)
        files, unread = [image for name in lines if (image := finder.image(name))], []
    pairs = [
        (image, masks / image.relative_to(images).with_name(f"{image.stem}{about.mask_suffix}.png"))
        for image in files
    ]
    values, names = meaning_of(about), tuple(about.classes or ())
    pictures = mask_pictures(root, pairs, values, on_fault)
    if whole and masks != images and masks.is_dir():
        unread += unpaired(masks, masks_of(pictures))
    return Listing(
        pictures=pictures,
        classes=names,
        void=VOID,
        categories=tuple(about.categories or ()),
        colours=tuple(about.colours or ()),
        key={"values": values.key},
        void_values=values.void,
        unread=unread,
    )


def read_description(path: Path, own: Own) -> Description:
    """Reads and checks ``dataset.yaml``, with the classes and the void that stand elsewhere.

    Raises:
        InputError: the file and the first field that is wrong.
    """
    data = read_yaml(path)
    try:
        about = Description.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {first_error(error, Description)}") from None
    about = _completed(path, about, own)
    classes = about.classes or []
    last = len(classes) - 1
    if len(set(classes)) <= last:
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


def _completed(path: Path, about: Description, own: Own) -> Description:
    """The description with the classes of ``classes.txt`` or the user, and the user's void.

    Raises:
        InputError: no classes are named, or not the same ones in two places.
    """
    listed = own_classes(own, [path.parent])
    if listed is None and about.classes is None:
        raise InputError(
            f"{path}: classes: missing: they stand here, in classes.txt, or in {SAID} of the study"
        )
    changes: dict[str, object] = {}
    if listed is not None and about.classes not in (None, list(listed.names)):
        where = SAID if own.classes else str(listed.source)
        raise InputError(f"{where}: {', '.join(listed.names)}: contradicts {path}, which has {about.classes}")
    if listed is not None:
        changes["classes"] = list(listed.names)
        changes |= {} if listed.void is None or "void" in about.model_fields_set else {"void": listed.void}
    if own.values:
        if about.labels is not None:
            raise FieldError(
                SAID, list(own.values), f"{path} says the values of the classes", "a list of names"
            )
        changes["labels"] = {value: index for index, value in enumerate(own.values)}
    if own.void is not None:
        changes["void"] = list(own.void)
    return about.model_copy(update=changes)


def meaning_of(about: Description) -> Values:
    """Returns what the values in the masks mean."""
    void = _void(about)
    if about.labels is None:
        return plain_values(len(about.classes or ()), void)
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


class Finder:
    """Finds the images of a list's names, whose suffix may be left out and which may lie in folders of their own."""

    def __init__(self, folder: Path, on_fault: OnFault) -> None:
        self._folder, self._on_fault = folder, on_fault
        self._names: dict[Path, ImageNames] = {}

    def image(self, name: str) -> Path | None:
        """Returns the image of that name; one that is not there, or there twice, is told as a fault."""
        path = self._folder / name
        if is_image_name(path.name) and path.is_file():
            return path
        names = self._names.setdefault(path.parent, ImageNames(path.parent))
        try:
            image = names.one(path.name)
        except InputError as error:
            self._on_fault(error)
            return None
        if image is None:
            self._on_fault(InputError(f"{path}: no such image"))
        return image
