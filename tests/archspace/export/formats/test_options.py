"""Batches, free sizes, float16, older operator sets and suppression inside, each proved at more than one shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from archspace.detection.boxes import detections
from archspace.detection.priors import prior_boxes
from archspace.export.export import ExportError, ExportReport, export
from archspace.export.onnx_network import OnnxNetwork
from archspace.export.signature import ExportOptions
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from tests.archspace.export.runs import CLASSIFIER, DETECTOR, LANGUAGE, SEGMENTER
from tests.archspace.export.trained import trained

pytestmark = pytest.mark.slow


def made(spec: ArchSpec, folder: Path, *formats: str, **options: Any) -> ExportReport:
    return export(trained(spec), folder / "net", formats=formats, options=ExportOptions(**options))


def session(folder: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(folder / "net" / "model.onnx", providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("spec", "others"),
    [(SEGMENTER, ["openvino"]), (DETECTOR, ["standalone"]), (LANGUAGE, [])],
    ids=["segmentation", "detection", "language"],
)
def test_a_free_batch_takes_every_number(spec: ArchSpec, others: list[str], tmp_path: Path) -> None:
    report = made(spec, tmp_path, "onnx", *others, batch="any")
    assert report.agreements["random"].images == 4, "one alone, and three at once"
    opened = session(tmp_path)
    given = {
        port["name"]: np.zeros([5 if side == "batch" else side for side in port["shape"]], port["dtype"])
        for port in report.card["inputs"]
    }
    answers = opened.run(None, given)
    shapes = [[5 if side == "batch" else side for side in port["shape"]] for port in report.card["outputs"]]
    assert [list(answer.shape) for answer in answers] == shapes


def test_a_free_size_takes_multiples_of_the_stride(tmp_path: Path) -> None:
    report = made(SEGMENTER, tmp_path, "onnx", "torch", "standalone", free_size=True, batch="any")
    assert report.card["input"]["shape"] == ["batch", 3, "height", "width"]
    assert report.card["output"]["shape"] == ["batch", 4, "height", "width"]
    network, opened = trained(SEGMENTER).eval(), session(tmp_path)
    x = torch.randn(2, 3, 56, 24)
    with torch.no_grad():
        ours = network(x)
    theirs = opened.run(None, {"image": x.numpy()})[0]
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4)
    assert OnnxNetwork(tmp_path / "net" / "model.onnx", SEGMENTER)(x).shape == ours.shape


def test_a_graph_of_torch_reads_free_sizes_from_two_positions_on(tmp_path: Path) -> None:
    """A network for 16 x 16 at stride 32 leaves one position, which torch's graph takes as fixed."""
    small = ArchSpec("espnetv2", classes=4, width=0.25, alphas=0, input_size=(16, 16))
    with pytest.raises(
        FieldError, match=r"--input: 'any': format torch then reads multiples of 32 from 64 on"
    ):
        made(small, tmp_path, "torch", free_size=True)
    assert not list(tmp_path.iterdir())
    report = made(small.replace(input_size=(64, 64)), tmp_path, "torch", free_size=True)
    assert report.agreements["torch random"].images == 2, "its own size, and another one"


def test_a_network_with_fixed_sizes_inside_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    spec = PRESETS["dicenet-seg-0.5"].spec.replace(input_size=(32, 32), alphas=1)
    with pytest.raises(ExportError, match=r"--input any: the network needs a fixed one .*; leave it out"):
        made(spec, tmp_path, "onnx", free_size=True)
    with pytest.raises(FieldError, match="a detector's boxes are of one size"):
        made(DETECTOR, tmp_path, "onnx", free_size=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spec", "others"), [(CLASSIFIER, ["torch", "standalone", "openvino"]), (DETECTOR, [])],
    ids=["classification", "detection"],
)  # fmt: skip
def test_float16_keeps_inputs_and_outputs_and_halves_the_weights(
    spec: ArchSpec, others: list[str], tmp_path: Path
) -> None:
    report = made(spec, tmp_path, "onnx", *others, precision="float16")
    assert all(one.tolerance >= 2e-2 for one in report.agreements.values())
    assert {port["dtype"] for port in (*report.card["inputs"], *report.card["outputs"])} == {"float32"}
    model = onnx.load(tmp_path / "net" / "model.onnx")
    halves = sum(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in model.graph.initializer)
    assert halves > len(model.graph.initializer) / 2


def test_a_batch_of_several_is_fixed(tmp_path: Path) -> None:
    report = made(CLASSIFIER, tmp_path, "onnx", "tx2", batch=3)
    assert report.card["input"]["shape"] == [3, 3, 32, 32] and report.agreements["tx2 random"].images == 3
    network = OnnxNetwork(tmp_path / "net" / "model.onnx", CLASSIFIER)
    x = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(x), trained(CLASSIFIER).eval()(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("opset", [11, 12])
def test_the_tx2_file_may_be_older(opset: int, tmp_path: Path) -> None:
    made(SEGMENTER, tmp_path, "tx2", opset=opset)
    assert onnx.load(tmp_path / "net" / "model.tx2.onnx").opset_import[0].version == opset
    with pytest.raises(FieldError, match="--opset: 17: tx2 takes 11 to 13; nearest valid: 13"):
        made(SEGMENTER, tmp_path, "tx2", opset=17)


@pytest.mark.parametrize("opset", [None, 11, 13])
def test_suppression_inside_finds_what_torch_finds(opset: int | None, tmp_path: Path) -> None:
    report = made(DETECTOR, tmp_path, "onnx", nms=True, threshold=0.26, overlap=0.4, opset=opset)
    assert [port["name"] for port in report.card["outputs"]] == ["boxes", "scores", "labels"]
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    boxes, scores, labels = session(tmp_path).run(["boxes", "scores", "labels"], {"image": x.numpy()})
    priors = torch.from_numpy(prior_boxes((64, 64)).copy())
    with torch.no_grad():
        outputs = trained(DETECTOR).eval()(x)
    (ours,) = detections(outputs, priors, threshold=0.26, overlap=0.4, candidates=len(priors))
    assert len(scores) == len(ours.scores) > 5
    assert len(scores) < int((outputs[0].softmax(-1)[..., 1:] > 0.26).sum()), "doubles are gone"
    np.testing.assert_allclose(scores, ours.scores, atol=1e-4)
    np.testing.assert_allclose(boxes, ours.corners, atol=1e-4)
    assert labels.tolist() == ours.labels.tolist()


def test_suppression_inside_may_find_nothing(tmp_path: Path) -> None:
    made(DETECTOR, tmp_path, "onnx", nms=True, threshold=0.999)
    boxes, scores, _ = session(tmp_path).run(None, {"image": np.zeros((1, 3, 64, 64), np.float32)})
    assert boxes.shape == (0, 4) and scores.shape == (0,)


def test_suppression_is_for_detectors(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match=r"--nms: 'segmentation': is for detectors"):
        made(SEGMENTER, tmp_path, "onnx", nms=True)
