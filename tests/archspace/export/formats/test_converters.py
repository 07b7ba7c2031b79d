"""Formats whose converters may live in environments of their own, with the real packages.

Those that are not installed here are left out, unless ``ARCHSPACE_TEST_ENVIRONMENTS`` names a cache folder that holds
their environments (``ARCHSPACE_CACHE=FOLDER archspace export NET --format executorch,litert,coreml --install``).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archspace.export.agreement import ExportError
from archspace.export.export import ExportReport, export
from archspace.export.formats import FORMATS
from archspace.export.signature import ExportOptions
from archspace.spec.archspec import ArchSpec
from tests.archspace.export.runs import CLASSIFIER, DETECTOR, LANGUAGE, SEGMENTER
from tests.archspace.export.trained import trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def environments() -> Iterator[None]:
    folder = os.environ.get("ARCHSPACE_TEST_ENVIRONMENTS")
    with pytest.MonkeyPatch.context() as changed:
        if folder:
            changed.setenv("ARCHSPACE_CACHE", folder)
        yield


def needs(name: str) -> None:
    extra = FORMATS[name].extra
    assert extra is not None
    if extra.python is None:
        pytest.skip(f"{' and '.join(extra.modules)} are not installed")


@pytest.fixture(scope="module")
def in_ncnn(tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    """The segmentation network for ncnn."""
    needs("ncnn")
    return export(trained(SEGMENTER), tmp_path_factory.mktemp("ncnn") / "net", formats=["ncnn"])


def answers(report: ExportReport, name: str) -> None:
    assert report.agreements[f"{name} random"].runtime.split()[-1][0].isdigit()
    assert all((report.folder / file).stat().st_size for file in FORMATS[name].files)


def test_ncnn_answers_as_torch(in_ncnn: ExportReport) -> None:
    answers(in_ncnn, "ncnn")


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("ncnn", DETECTOR),
        ("executorch", SEGMENTER),
        ("executorch", LANGUAGE),
        ("litert", CLASSIFIER),
        ("litert", LANGUAGE),
    ],
)
def test_what_is_converted_answers_as_torch(name: str, spec: ArchSpec, tmp_path: Path) -> None:
    needs(name)
    answers(export(trained(spec), tmp_path / "net", formats=[name]), name)


def test_core_ml_is_checked_by_its_graph_and_says_so(tmp_path: Path) -> None:
    needs("coreml")
    report = export(trained(CLASSIFIER), tmp_path / "net", formats=["coreml"])
    assert not report.agreements
    card = json.loads((tmp_path / "net" / "card.json").read_text())
    assert "answers were not compared here" in card["formats"]["coreml"]["unchecked"]
    assert "predicts on macOS and iOS only" in (tmp_path / "net" / "card.md").read_text()
    assert card["files"]["model.mlpackage"]["bytes"] > 0


def test_ncnn_keeps_float16_weights(in_ncnn: ExportReport, tmp_path: Path) -> None:
    half = ExportOptions(precision="float16")
    export(trained(SEGMENTER), tmp_path / "half", formats=["ncnn"], options=half)
    sizes = [(folder / "model.ncnn.bin").stat().st_size for folder in (tmp_path / "half", in_ncnn.folder)]
    assert sizes[0] < 0.6 * sizes[1]


def test_a_converter_that_fails_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("ncnn")
    monkeypatch.setattr(sys.modules["archspace.export.converting"], "WORKERS", tmp_path / "nowhere")
    with pytest.raises(ExportError) as refused:
        export(trained(CLASSIFIER), tmp_path / "net", formats=["ncnn"])
    assert str(refused.value).count("\n") == 0 and "nothing was written" in str(refused.value)
    assert not (tmp_path / "net").exists()
