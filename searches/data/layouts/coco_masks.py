"""Masks of classes drawn from COCO's instances: polygons, and run lengths as a list or as a compressed string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data.listing import Mask
from searches.data.splits import VOID


def render(
    items: Sequence[dict[str, Any]], index: Mapping[int, int], size: tuple[int, int], source: str
) -> Mask:
    """Returns the mask of one picture: 0 is background, class ``i`` is ``i + 1``, a crowd is void.

    Crowds are drawn first, then instances from the largest to the smallest, so that small ones stay visible.

    Args:
        items: the picture's annotations.
        index: category id -> class index.
        size: (H, W) of the picture as annotated.
        source: the file and picture, for messages.

    Raises:
        InputError: a segmentation is missing or damaged.
    """
    mask = np.zeros(size, np.uint8)
    shapes = [(item, instance(item, size, source)) for item in items]
    shapes.sort(key=lambda shape: (not shape[0].get("iscrowd"), -int(shape[1].sum())))
    for item, shape in shapes:
        mask[shape] = VOID if item.get("iscrowd") else index[item["category_id"]] + 1
    return mask


def instance(item: Mapping[str, Any], size: tuple[int, int], source: str) -> NDArray[np.bool_]:
    """Returns where one object is: bool (H, W).

    Raises:
        InputError: its segmentation is missing or damaged.
    """
    from faster_coco_eval import mask_api_new_cpp as api

    height, width = size
    segmentation, what = item.get("segmentation"), f"{source}: annotation {item.get('id', '?')}"
    if isinstance(segmentation, list) and not segmentation:
        if min(item.get("bbox", (0, 0, 0, 0))[2:]) > 0:
            raise InputError(f"{what}: has a box and no segmentation: it would be background")
        return np.zeros(size, np.bool_)
    try:
        if isinstance(segmentation, list):
            for polygon in segmentation:
                numbers = isinstance(polygon, list) and not any(isinstance(v, str | bool) for v in polygon)
                if (
                    not numbers
                    or len(polygon) < 6
                    or len(polygon) % 2
                    or not np.isfinite(np.array(polygon, np.float64)).all()
                ):
                    raise InputError(f"{what}: a polygon must have x and y of three points or more")
            runs = api.frPyObjects([[float(v) for v in polygon] for polygon in segmentation], height, width)
        elif isinstance(segmentation, dict) and list(segmentation.get("size", ())) == [height, width]:
            runs = [_runs(segmentation, what)]
        else:
            rule = f"must be polygons, or run lengths of size [{height}, {width}]"
            raise InputError(f"{what}: segmentation {rule}")
        layers = np.asarray(api.decode(runs)).reshape(height, width, -1)
        return np.asarray(layers.any(axis=2), dtype=np.bool_)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what}: segmentation cannot be decoded: {' '.join(str(error).split())}") from error


def _runs(segmentation: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Run lengths in the form that the decoder takes."""
    from faster_coco_eval import mask_api_new_cpp as api

    height, width = segmentation["size"]
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        return {"size": [height, width], "counts": counts.encode("ascii", "replace")}
    whole = isinstance(counts, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts
    )
    if not whole or sum(counts) != height * width:  # type: ignore[arg-type]
        raise InputError(f"{what}: run lengths must be whole numbers that add up to {height * width} pixels")
    runs: dict[str, Any] = api.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return runs
