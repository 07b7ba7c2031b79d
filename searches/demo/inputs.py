"""Which files the demo looks at, and under which names it writes its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from archspace.support.errors import FieldError, InputError
from searches.data.image_names import is_image_name, list_images

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})


@dataclass(frozen=True, slots=True)
class Inputs:
    """Images in the order in which they are shown, or one video; and what a folder holds beside."""

    images: tuple[Path, ...] = ()
    video: Path | None = None
    left_out: tuple[str, ...] = ()


def find_inputs(source: Path) -> Inputs:
    """Returns what ``source`` holds: an image, a video, or the images of a folder (not of folders in it).

    Raises:
        InputError: there is nothing there, or no image in the folder.
    """
    if not source.exists():
        raise FieldError("IMAGE", str(source), "no such image, folder or video")
    if not source.is_dir():
        return Inputs(video=source) if source.suffix.lower() in VIDEO_SUFFIXES else Inputs(images=(source,))
    images = list_images(source)
    others = tuple(
        sorted(item.name for item in source.iterdir() if not is_image_name(item.name) or item.is_dir())
    )
    if not images:
        raise InputError(f"{source}: holds no image; name a video or a folder of images")
    return Inputs(images=tuple(images), left_out=others)


def picture_paths(sources: Iterable[Path], folder: Path) -> list[Path]:
    """Returns a PNG in ``folder`` for each source: its stem, or its whole name where stems are the same.

    No two are the same, on file systems that do not tell cases apart either, and none is a source.
    """
    listed = list(sources)
    taken = {str(path.resolve()).casefold() for path in listed}
    stems = [path.stem.casefold() for path in listed]
    targets = []
    for path in listed:
        base = path.stem if stems.count(path.stem.casefold()) == 1 else path.name
        number, target = 1, folder / f"{base}.png"
        while str(target.resolve()).casefold() in taken:
            number += 1
            target = folder / f"{base}-{number}.png"
        taken.add(str(target.resolve()).casefold())
        targets.append(target)
    return targets
