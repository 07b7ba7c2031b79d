"""The notebooks of the documentation run from start to end, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.ipynb")))
def test_a_notebook_runs(name: str, tmp_path: Path, cache_folder: Path) -> None:
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), f"{name}: clear its outputs"
    NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("nearest valid: accuracy" in output.get("text", "") for output in printed)
    # Optuna's progress bars warn where a notebook has no widgets; nothing of ours writes to standard error.
    errors = [output["text"] for output in printed if output.get("name") == "stderr"]
    assert not [text for text in errors if "TqdmWarning" not in text], errors
    assert any("text/html" in output.get("data", {}) for output in printed), "no frame was shown"
    assert (tmp_path / "exported" / "model.onnx").is_file() and (tmp_path / "front.html").is_file()


def test_there_is_an_example() -> None:
    assert (EXAMPLES / "study.ipynb").is_file()
