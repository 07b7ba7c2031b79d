"""What may be asked of an export, and what a format says to what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspace.export.environments import Extra
from archspace.export.formats import FORMATS, Exported, Format
from archspace.export.formats.base import check_formats
from archspace.export.signature import ExportOptions
from archspace.export.thresholds import thresholds
from archspace.support.errors import FieldError, InputError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": 0}, "--batch: 0: must be 1 to 1024, or any; nearest valid: 1"),
        ({"batch": "many"}, "--batch: 'many': must be 1 to 1024, or any"),
        ({"batch": 10**8}, "--batch: 100000000: must be 1 to 1024, or any; nearest valid: 1024"),
        ({"threshold": float("nan")}, "--threshold: nan: must be 0 to 1; nearest valid: 0"),
        ({"precision": "int4"}, "--precision: 'int4': must be float32, float16 or int8"),
        ({"keep": ("head",)}, "--keep: 'head': leaves layers out of INT8; nearest valid: --precision int8"),
        ({"threshold": 1.5}, "--threshold: 1.5: must be 0 to 1; nearest valid: 1"),
        ({"overlap": -1}, "--overlap: -1: must be 0 to 1; nearest valid: 0"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(FieldError) as refused:
        ExportOptions(**given)  # type: ignore[arg-type]
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tx2", ExportOptions(batch="any"), "has no form for --batch any; nearest valid: onnx"),
        ("ncnn", ExportOptions(batch=4), "has no form for --batch 4"),
        ("openvino", ExportOptions(nms=True), "has no form for --nms; nearest valid: onnx"),
        ("tx2", ExportOptions(precision="float16"), "has no form for --precision float16"),
        ("torch", ExportOptions(opset=13), "has no form for --opset 13; nearest valid: onnx, tx2"),
    ],
)
def test_a_format_says_what_it_cannot_do_and_which_can(
    name: str, options: ExportOptions, message: str
) -> None:
    with pytest.raises(FieldError) as refused:
        check_formats({name: FORMATS[name]}, options, "classification")
    assert str(refused.value).startswith(f"--format: '{name}': {message}")


def test_ncnn_has_no_form_for_texts() -> None:
    with pytest.raises(FieldError, match="'ncnn': has no form for language"):
        check_formats({"ncnn": FORMATS["ncnn"]}, ExportOptions(), "language")


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.module"])
def test_missing_packages_are_named_with_what_installs_them(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHSPACE_CACHE", str(tmp_path))
    extra = Extra(name="absent", modules=(module,), requires=("no-such-package",))
    absent = Format(runtime="none", files={}, write=lambda *_: Exported(agreements={}), extra=extra)
    with pytest.raises(InputError) as refused:
        check_formats({"absent": absent}, ExportOptions(), "classification")
    assert str(refused.value) == (
        f"--format absent: {module} cannot be imported; add --install, which puts the extra into an environment "
        'of its own, or: pip install "archspace[absent]"'
    )


def test_packages_that_are_here_need_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSPACE_CACHE", str(tmp_path))
    here = Extra(name="here", modules=("onnx",), requires=("onnx",))
    here.check()
    here.install(lambda _: pytest.fail("nothing is to be installed"))
    assert not list(tmp_path.iterdir())


def test_thresholds_are_the_tasks_or_the_users() -> None:
    assert thresholds("detection", ExportOptions()) == {"score": 0.5, "overlap": 0.45}
    assert thresholds("detection", ExportOptions(threshold=0.3, overlap=0.6)) == {
        "score": 0.3,
        "overlap": 0.6,
    }
    assert thresholds("segmentation", ExportOptions()) == {}
    with pytest.raises(FieldError, match=r"--overlap: 0\.5: multilabel has none"):
        thresholds("multilabel", ExportOptions(overlap=0.5))
