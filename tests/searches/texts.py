"""A tiny text with something to learn, and a study on it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

SPLITS = {"train": 60, "valid": 20, "test": 20}
"""Lines of each file."""


def write_text_files(root: Path, lines: dict[str, int] | None = None, words: int = 30) -> Path:
    """Files of lines in which a word often follows from the one before it; no two stretches are alike."""
    root.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    for split, count in (lines or SPLITS).items():
        text = []
        for _ in range(count):
            word, line = rng.randrange(words), []
            for _ in range(rng.randrange(5, 10)):
                line.append(f"w{word}")
                word = (3 * word + 1) % words if rng.random() < 0.7 else rng.randrange(words)
            text.append(" ".join(line))
        (root / f"{split}.txt").write_text("\n".join(text) + "\n")
    return root


def text_study(root: Path, **changes: Any) -> dict[str, Any]:
    """The fields of a study on :func:`write_text_files`."""
    return {
        "name": "words",
        "task": "language",
        "data": {"layout": "text", "root": str(root), "train": 300},
        "space": {
            "network": "eru", "width": {"choices": [0.05, 0.1]}, "channels": {"choices": [16, 32]},
            "alphas": 2, "branches": {"choices": [2, 4]}, "fusion": {"choices": ["hff", "none"]},
        },
        "objectives": ["perplexity", "macs"],
        "sampler": {"name": "tpe", "startup": 3},
        "trials": 4,
        "seed": 1,
        "training": {
            "epochs": 1, "batch": 5, "window": 10, "optimizer": "sgd", "momentum": 0.0, "lr": 5.0, "clip": 0.25,
            "channels_last": False,
        },
        "threads": 1,
        "measure": {"runs": 5, "warmup": 1, "attempts": 1, "again": False},
        **changes,
    }  # fmt: skip
