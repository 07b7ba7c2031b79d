"""Objects in an image as the demo draws them: the one place where a detection network's findings come in.

:func:`objects_of` takes what the post-processing of detection returns for an image. A task joins the demo by an entry
in :data:`searches.demo.predicting.SIGHTS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objects:
    """M objects in an image, the surest first.

    Attributes:
        corners: float32 (M, 4): left, top, right, bottom as shares of the image's width and height.
        scores: float32 (M,), 0 to 1.
        labels: int64 (M,): class indices; the background is no class.
    """

    corners: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def objects_of(corners: ArrayLike, scores: ArrayLike, labels: ArrayLike, threshold: float) -> Objects:
    """Returns the objects with a score of at least ``threshold``, by falling score.

    Corners are cut at the image's edge.

    Shapes: (M, 4), (M,), (M,).
    """
    confidences = np.asarray(scores, np.float32).reshape(-1)
    order = np.argsort(-confidences, kind="stable")
    order = order[confidences[order] >= threshold]
    boxes = np.asarray(corners, np.float32).reshape(-1, 4)[order].clip(0, 1)
    return Objects(
        corners=boxes, scores=confidences[order], labels=np.asarray(labels, np.int64).reshape(-1)[order]
    )
