"""INT8: which layers it takes, what it is calibrated on, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from archspace.build import build
from archspace.checkpoint import save
from archspace.export.export import ExportReport, export
from archspace.export.quantisation import LEAST_IMAGES, Calibration, runs_of
from archspace.export.sensitivity import sensitivities
from archspace.export.signature import ExportOptions
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from tests.archspace.export.runs import LANGUAGE
from tests.archspace.export.trained import lived_in, trained
from tests.commands import archspace

SMALL = ArchSpec("espnetv2", width=0.5, alphas=(0, 1, 0, 0), classes=10, input_size=(8, 8), channels=1)


@pytest.fixture(scope="module")
def small() -> Network:
    return lived_in(trained(SMALL))


def images(spec: ArchSpec, count: int = LEAST_IMAGES) -> Calibration:
    generator = torch.Generator().manual_seed(3)
    return Calibration(images=torch.randn(count, spec.channels, *spec.input_size, generator=generator))


def int8(network: Network, folder: Path, *formats: str, **options: Any) -> ExportReport:
    asked = ExportOptions(precision="int8", **options)
    return export(
        network, folder, formats=formats or ("onnx",), options=asked, calibration=images(network.spec)
    )


def weights(folder: Path) -> dict[str, str]:
    """Of every convolution and linear layer of the file: its path, and the type of its weights."""
    graph = onnx.load(str(folder / "model.onnx")).graph
    types = {one.name: onnx.TensorProto.DataType.Name(one.data_type) for one in graph.initializer}
    made = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    found = {}
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            name = made.get(node.input[1], node.input[1])
            found[name.removesuffix("_quantized").removesuffix(".weight")] = types[name]
    return found


def test_layers_are_int8_but_those_that_are_kept(small: Network, tmp_path: Path) -> None:
    report = int8(small, tmp_path / "all")
    kinds = weights(tmp_path / "all")
    assert set(kinds.values()) == {"INT8"} and len(kinds) == report.card["int8"]["formats"]["onnx"]["layers"]
    assert set(report.agreements) == {"real"} and 1e-4 < report.agreements["real"].relative < 0.5
    assert report.card["precision"] == "int8" and report.card["int8"]["calibration"]["images"] == LEAST_IMAGES
    said = {one.key: one.value for one in onnx.load(str(tmp_path / "all" / "model.onnx")).metadata_props}
    assert json.loads(said["archspace.precision"]) == "int8", "what travels is still in the file"
    assert "## INT8" in (tmp_path / "all" / "card.md").read_text()

    kept = int8(small, tmp_path / "kept", keep=("encoder.level3",))
    some = weights(tmp_path / "kept")
    assert {name for name, kind in some.items() if kind == "FLOAT"} == {
        name for name in kinds if name.startswith("encoder.level3.")
    }
    assert set(kept.card["int8"]["formats"]["onnx"]["float32"]) < set(kinds)


@pytest.mark.parametrize(
    ("options", "formats", "message"),
    [
        (
            {"keep": ("encoder.levl3",)},
            ("onnx",),
            "--keep: 'encoder.levl3': no such layer; nearest valid: enc",
        ),
        ({"keep": ("encoder", "classifier", "head")}, ("onnx",), "no such layer|leaves no layer for INT8"),
        ({"opset": 11}, ("onnx",), "--opset: 11: INT8 needs 13 or later"),
        ({}, ("tx2",), "'tx2': has no form for --precision int8; nearest valid: onnx, openvino"),
    ],
)
def test_what_cannot_be_leaves_nothing(
    small: Network, tmp_path: Path, options: dict[str, Any], formats: Sequence[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        int8(small, tmp_path / "net", *formats, **options)
    assert not list(tmp_path.iterdir())


def test_too_few_images_no_images_and_no_images_at_all(small: Network, tmp_path: Path) -> None:
    with pytest.raises(FieldError, match=r"15: too few images to calibrate INT8; nearest valid: at least 16"):
        images(SMALL, 15)
    options = ExportOptions(precision="int8")
    with pytest.raises(FieldError, match="INT8 needs images that say its ranges"):
        export(small, tmp_path / "net", options=options)
    with pytest.raises(FieldError, match="is for networks of images"):
        export(build(LANGUAGE), tmp_path / "net", options=options)
    with pytest.raises(FieldError, match=r"--keep: head: leaves layers out of INT8|--keep: 'head'"):
        ExportOptions(keep=("head",))


def test_a_missing_package_is_named(small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(InputError, match=r'int8: nncf is not installed; .* pip install "archspace\[int8\]"'):
        int8(small, tmp_path / "net", "openvino")


def test_images_fill_whole_batches() -> None:
    runs = runs_of(torch.arange(17.0).reshape(17, 1, 1, 1), 4)
    assert [run.shape for run in runs] == [(4, 1, 1, 1)] * 5
    assert np.concatenate(runs).ravel().tolist() == [*range(17), 0, 1, 2]


@pytest.mark.slow
def test_openvino_quantises_what_onnx_runtime_does(small: Network, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    report = int8(small, tmp_path / "net", "openvino", keep=("encoder.level1",))
    (agreement,) = report.agreements.values()
    assert agreement.runtime.startswith("OpenVINO") and 1e-4 < agreement.relative < 0.5
    assert report.card["int8"]["formats"]["openvino"] == {"layers": 39, "float32": ["encoder.level1.conv"]}


@pytest.mark.slow
def test_openvino_compiles_what_reads_a_product_of_matrices(tmp_path: Path) -> None:
    """A pooling to a free size before a depth-wise convolution, as in ESPNetv2's decoder."""
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    from archspace.export.nncf_quantisation import quantise_openvino

    rng = np.random.default_rng(0)
    values = {
        "pool": np.full((8, 4), 1 / 8, np.float32), "a.weight": rng.normal(size=(6, 1, 3, 3)),
        "b.weight": rng.normal(size=(5, 6, 1, 1)),
    }  # fmt: skip
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        make.make_node("MatMul", ["image", "pool"], ["pooled"], name="product"),
        make.make_node("Conv", ["pooled", "a.weight"], ["between"], name="first", group=6),
        make.make_node("Conv", ["between", "b.weight"], ["scores"], name="second"),
    ]
    graph = make.make_graph(
        nodes, "small", [make.make_tensor_value_info("image", kind, (1, 6, 8, 8))],
        [make.make_tensor_value_info("scores", kind, (1, 5, 6, 2))],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()],
    )  # fmt: skip
    path = tmp_path / "small.onnx"
    opsets = [make.make_opsetid("", 18)]
    path.write_bytes(make.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    runs = [rng.normal(size=(1, 6, 8, 8)).astype(np.float32) for _ in range(4)]
    core = openvino.Core()
    model = core.read_model(str(path))
    made = quantise_openvino(model, path, runs)
    assert (made.layers, made.barred) == (1, ("a",))
    right, rounded = (core.compile_model(one, "CPU")(runs[:1])[0] for one in (model, made.model))
    difference = np.abs(right - rounded).max() / np.abs(right).max()
    assert 1e-4 < difference < 0.05


def test_a_layer_costs_what_rounding_it_by_hand_costs() -> None:
    network = lived_in(trained(SMALL))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calibration = images(SMALL)
    together, rows = sensitivities(network, calibration)
    assert [row.noise for row in rows] == sorted((row.noise for row in rows), reverse=True)
    assert together.noise > rows[-1].noise > 0 and all(0 <= row.same_class <= 1 for row in rows)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

    linear = network.get_submodule("head.linear.1")
    seen: list[torch.Tensor] = []
    linear.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        right = network(calibration.images).double().numpy()
    x, weight = seen[0].double().numpy(), linear.weight.detach().double().numpy()
    step = (x.max() - min(x.min(), 0)) / 255
    zero = round(-min(x.min(), 0) / step)
    rounded_x = (np.clip(np.rint(x / step) + zero, 0, 255) - zero) * step
    scale = np.abs(weight).max(1, keepdims=True) / 127
    rounded = rounded_x @ (np.rint(weight / scale) * scale).T + linear.bias.detach().double().numpy()
    noise = np.square(rounded - right).mean() / right.var()
    row = next(row for row in rows if row.layer == "head.linear.1")
    assert row.kind == "linear" and row.noise == pytest.approx(noise, rel=0.02)


def test_an_export_of_the_command_says_what_int8_costs(small: Network, tmp_path: Path) -> None:
    how = Preprocessing(channel_order="gray", mean=(0.3,), std=(0.2,))
    save(small, tmp_path / "net.safetensors", preprocessing=how)
    digits = ("--layout", "digits", "--calibrate", 20)
    ran = archspace(
        "export", "net.safetensors", "--precision", "int8", *digits, "--out", "net", "--json", cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)["int8"]
    assert said["calibration"] == {"images": 20, "split": "train", "dataset": "digits"}
    one = said["formats"]["onnx"]
    assert one["metric"]["name"] == "accuracy" and one["metric"]["split"] == "val"
    evaluated = archspace("evaluate", "net/model.onnx", "--layout", "digits", "--json", cwd=tmp_path)
    assert json.loads(evaluated.stdout)["accuracy"] == one["metric"]["after"]
    right = archspace("evaluate", "net.safetensors", "--layout", "digits", "--json", cwd=tmp_path)
    assert json.loads(right.stdout)["accuracy"] == pytest.approx(one["metric"]["before"], abs=0.6)
    assert one["latency_ms"]["before"] > 0 < one["latency_ms"]["after"] and one["latency_ms"]["n"] == 50

    listed = archspace("sensitivity", "net.safetensors", *digits, "--json", cwd=tmp_path)
    table = json.loads(listed.stdout)
    assert len(table["layers"]) == one["layers"] and table["images"] == 20
    shown = archspace("sensitivity", "net.safetensors", *digits, cwd=tmp_path)
    assert table["layers"][0]["layer"] in shown.stdout and "all layers" in shown.stdout

    for words, message in (
        (("export", "net.safetensors", "--precision", "int8"), "needs a folder, or --layout"),
        (("export", "net.safetensors", "--calibrate", 20), "is for INT8"),
        (("sensitivity", "net.safetensors", "--layout", "digits", "--calibrate", 3), "too few images"),
    ):
        ran = archspace(*words, cwd=tmp_path)
        assert ran.returncode == 2 and message in ran.stderr and ran.stderr.count("\n") == 1
