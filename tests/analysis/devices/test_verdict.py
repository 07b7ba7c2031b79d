"""The sentence that ``archspace doctor`` begins with."""

from __future__ import annotations

from analysis.devices.base import Check
from analysis.devices.verdict import verdict


def checks(**states: str) -> list[Check]:
    """A check a keyword, named with dashes as spaces."""
    return [
        Check(name=name.replace("_", " "), state=state, detail=f"about {name}")  # type: ignore[arg-type]
        for name, state in states.items()
    ]


HERE = {
    "packages": "ok",
    "torch": "ok",
    "onnxruntime": "ok",
    "cuda": "missing",
    "rapl": "missing",
    "load": "ok",
}


def test_this_machine() -> None:
    assert (
        verdict("cpu", checks(**HERE))
        == "Everything to search, train and export is here; no GPU, no power sensor."
    )
    equipped = checks(**{**HERE, "cuda": "ok", "rapl": "ok", "nvml": "ok", "load": "warning"})
    assert "here; a GPU, power is measured by rapl and nvml; other programs keep it busy" in verdict(
        "cpu", equipped
    )
    lacking = verdict("cpu", checks(**{**HERE, "packages": "missing"}))
    assert lacking == "This machine cannot search, train and export yet: packages: about packages."
    assert verdict("cuda", checks(**HERE)).startswith("No GPU to run on: about cuda")


def test_a_board() -> None:
    away = verdict("ssh://tx2", checks(connection="missing"))
    assert away == "The board cannot be used now: about connection."
    board = {
        "connection": "ok",
        "trtexec": "ok",
        "onnxruntime": "missing",
        "ina3221": "ok",
        "gpu_pinned": "warning",
    }
    said = verdict("ssh://tx2", checks(**board))
    assert said == (
        "Everything to measure is on the board: TensorRT; power is measured by ina3221; its clocks may change (gpu)."
    )
    assert "nothing to run a network" in verdict("ssh://tx2", checks(connection="ok", trtexec="missing"))
