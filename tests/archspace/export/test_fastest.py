"""The fastest form on the machine at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from archspace.checkpoint import load
from archspace.export import fastest
from archspace.export.export import export
from archspace.export.native.file import open_native
from archspace.export.signature import ExportOptions
from archspace.support.errors import FieldError, InputError
from tests.archspace.export.runs import LANGUAGE, SEGMENTER
from tests.archspace.export.trained import trained


def test_only_the_machine_at_hand_can_be_asked(tmp_path: Path) -> None:
    network = trained(SEGMENTER)
    with pytest.raises(FieldError, match="--for: 'tx2': must be cpu"):
        export(network, tmp_path / "out", fastest_on="tx2")
    with pytest.raises(FieldError, match="--precision: 'int8': is not tried with --for"):
        export(network, tmp_path / "out", fastest_on="cpu", options=ExportOptions(precision="int8"))
    with pytest.raises(FieldError, match="threads: 0: must be 1 to 256"):
        export(network, tmp_path / "out", fastest_on="cpu", threads=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_every_form_is_tried_and_the_fastest_is_kept(tmp_path: Path) -> None:
    network = trained(SEGMENTER)
    said: list[str] = []
    report = export(network, tmp_path / "out", formats=(), fastest_on="cpu", on_progress=said.append)
    card = report.card["fastest"]
    tried = {one["format"]: one for one in card["tried"]}
    assert list(tried) == ["native", "onnx", "openvino", "torch"] and said[-1].startswith("timing")
    timed = {name: one["median_ms"] for name, one in tried.items() if "n" in one}
    assert card["chosen"] == min(timed, key=lambda name: timed[name])
    assert all(one["relative_difference"] <= 1e-4 for one in tried.values() if "n" in one)
    assert list(report.card["formats"]) == [card["chosen"]], "one form is kept"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"card.json", "card.md", *report.card["files"]}
    assert "## The fastest form here" in (tmp_path / "out" / "card.md").read_text("utf-8")
    assert load(tmp_path / "out").spec == network.spec


@pytest.mark.slow
def test_the_card_opens_the_native_form_with_the_threads_that_it_was_timed_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastest, "CPU_FORMS", {"native": fastest.CPU_FORMS["native"]})
    report = export(trained(SEGMENTER), tmp_path / "out", formats=(), fastest_on="cpu", threads=np.int64(2))
    assert "threads=2" in report.card["formats"]["native"]["load"] and report.card["fastest"]["threads"] == 2


@pytest.mark.slow
def test_a_native_file_answers_and_refuses_other_images(tmp_path: Path) -> None:
    network = trained(SEGMENTER).eval()
    report = export(network, tmp_path / "out", formats=["native"], options=ExportOptions(batch="any"))
    assert report.agreements["native random"].relative <= 1e-5
    opened = open_native(tmp_path / "out" / "model.native")
    assert opened.metadata["arch_id"] == network.spec.arch_id
    x = torch.randn(3, 3, *SEGMENTER.input_size)
    with torch.no_grad():
        np.testing.assert_allclose(opened(x.numpy())[0], network(x), rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="image: has shape"):
        opened(x[:, :, :8].numpy())


@pytest.mark.slow
def test_forms_that_cannot_hold_a_network_say_why(tmp_path: Path) -> None:
    report = export(trained(LANGUAGE), tmp_path / "out", formats=(), fastest_on="cpu")
    reasons = {one["format"]: one.get("reason", "") for one in report.card["fastest"]["tried"]}
    assert "has no form for language" in reasons["native"] and report.card["fastest"]["chosen"] != "native"
