"""How the numbers in a frame of trials came about, and which of them are unstable."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from archspace.support.numbers import UNSTABLE_MARK


def origins(frame: pd.DataFrame, name: str) -> list[str]:
    """Returns how the numbers of a column came about, each once: origin, and in which form and by which runtime.

    ``["measured, ONNX file in onnxruntime 1.31.1"]``
    """
    taken_in = frame.get(f"{name}_taken_in", pd.Series(index=frame.index, dtype=object))
    pairs = zip(frame[f"{name}_origin"], taken_in, strict=True)
    texts = (", ".join(part for part in pair if isinstance(part, str)) for pair in pairs)
    return sorted({text for text in texts if text})


def doubts(frame: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Returns a mask of the rows whose number in that column is unstable."""
    column = frame.get(f"{name}_unstable")
    return pd.Series(False, index=frame.index) if column is None else column.notna()


def doubt_lines(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Returns a line for each unstable number: trial, quantity and why."""
    return [
        f"{UNSTABLE_MARK} unstable: trial {row['label']}, {name}: {row[f'{name}_unstable']}"
        for name in names
        for row in frame[doubts(frame, name)].to_dict("records")
    ]
