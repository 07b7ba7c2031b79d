"""Small networks of every task, and what an export of them needs."""

from __future__ import annotations

from archspace.spec.archspec import ArchSpec

CLASSIFIER = ArchSpec("espnetv2", width=0.5, alphas=(0, 1, 0, 0), classes=4, input_size=(32, 32))
SEGMENTER = ArchSpec("espnet", alphas=(1, 1), classes=4, input_size=(32, 48))
DETECTOR = ArchSpec(
    "espnetv2", task="detection", width=0.5, alphas=(0, 1, 0, 0), classes=4, input_size=(64, 64)
)
LANGUAGE = ArchSpec("eru", width=0.0625, classes=20, input_size=(3, 1))
MULTILABEL = CLASSIFIER.replace(task="multilabel")

TASKS = {
    "classification": CLASSIFIER, "multilabel": MULTILABEL, "segmentation": SEGMENTER, "detection": DETECTOR,
    "language": LANGUAGE,
}  # fmt: skip
"""A network of each task."""
