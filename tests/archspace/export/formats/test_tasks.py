"""A network of every task leaves in every format that is always there; each file says what it is and shows names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from PIL import Image

from archspace.class_names import ClassNames
from archspace.export.export import export
from archspace.export.formats.torch_program import NOTES
from archspace.export.onnx_network import OnnxNetwork
from archspace.export.signature import ExportOptions
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from tests.archspace.export.runs import TASKS
from tests.archspace.export.trained import trained
from tests.commands import archspace, printed

pytestmark = pytest.mark.slow

FORMATS = ("onnx", "tx2", "openvino", "torch", "standalone")
PLAIN = Preprocessing(channel_order="bgr", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
NAMES = ("cat", "dog", "owl", "fox")
COLOURS = ((1, 2, 3), (40, 50, 60), (7, 8, 9), (200, 0, 90))


@dataclass(frozen=True)
class Made:
    """An export and what it is of."""

    task: str
    network: Network
    folder: Path
    card: dict[str, Any]


def named(task: str) -> Network:
    network = trained(TASKS[task]).eval()
    if task != "language":
        network.preprocessing = PLAIN
        count = 3 if task == "detection" else 4
        network.class_names = ClassNames(NAMES[:count], COLOURS[:count])
    return network


@pytest.fixture(scope="module", params=list(TASKS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    task = request.param
    folder = tmp_path_factory.mktemp(task) / "net"
    network = named(task)
    low = ExportOptions(threshold=0.2) if task in ("detection", "multilabel") else ExportOptions()
    real = None if task == "language" else torch.rand(2, 3, *network.spec.input_size)
    report = export(network, folder, formats=FORMATS, real_inputs=real, options=low)
    assert set(report.agreements) >= {"random", *(f"{name} random" for name in FORMATS[1:])}
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)).save(
        folder.parent / "photo.jpg"
    )
    return Made(task, network, folder, json.loads((folder / "card.json").read_text()))


def test_every_format_answers_within_its_limit_and_says_by_what(made: Made) -> None:
    assert set(made.card["formats"]) == set(FORMATS)
    for kind, one in made.card["verification"].items():
        limit = 1e-3 if one.get("output") == "scores" and made.task == "detection" else 1e-4
        assert one["relative_difference"] <= one["tolerance"] == limit, kind
        assert one["runtime"].split()[-1][0].isdigit(), f"{kind}: {one['runtime']} has no version"
    assert f"torch {torch.__version__}" in (made.folder / "card.md").read_text()


def test_the_cards_program_runs_as_it_stands_and_shows_names(made: Made) -> None:
    text = (made.folder / "card.md").read_text()
    program = re.findall(r"```python\n(.*?)```", text, re.S)[1]
    assert not {"torch", "archspace"} & set(re.findall(r"^(?:import|from) (\w+)", program, re.M))
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=made.folder.parent, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    if made.task == "language":
        assert ran.stdout.startswith("likeliest next word: ")
    else:
        shown = {line.partition(":")[0] for line in ran.stdout.splitlines()}
        assert shown and shown <= set(NAMES)
    if made.task == "segmentation":
        painted = np.asarray(Image.open(made.folder.parent / "classes.png"))
        assert painted.shape == (40, 56, 3) and {tuple(p) for p in painted.reshape(-1, 3).tolist()} <= set(
            COLOURS
        )


def test_the_cards_program_says_what_the_demo_says(made: Made, tmp_path: Path) -> None:
    if made.task in (
        "language",
        "detection",
    ):  # a text has no demo; the boxes of a detector are compared below
        return
    photo = made.folder.parent / "photo.jpg"
    ran = archspace(
        "demo", made.folder / "model.onnx", photo, "--out", tmp_path, "--threshold", 0.2, "--json"
    )
    (row,) = printed(ran.stdout)["images"]
    shown = row["shares"] if made.task == "segmentation" else row["classes"]
    program = subprocess.run(
        [sys.executable, "-c", made.card["example"]],
        cwd=made.folder.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.partition(":")[0] for line in program.stdout.splitlines()}
    assert names == (set(shown) if isinstance(shown, dict) else {one["name"] for one in shown})


def test_what_travels_is_in_every_file(made: Made) -> None:
    spec, task = made.network.spec, made.task
    entries = onnx.load(made.folder / "model.onnx").metadata_props
    model = {entry.key.removeprefix("archspace."): json.loads(entry.value) for entry in entries}
    xml = openvino.Core().read_model(made.folder / "model.xml").get_rt_info()["archspace"]
    extra = {NOTES: ""}
    torch.export.load(made.folder / "model.pt2", extra_files=extra)
    code = (made.folder / "standalone.py").read_text()
    program = json.loads(extra[NOTES])
    for notes in (model, {key: json.loads(str(value.value)) for key, value in xml.items()}, program):
        assert notes["arch_id"] == spec.arch_id and notes["task"] == task
        assert notes["thresholds"] == made.card["thresholds"]
        assert [one["name"] for one in notes["inputs"]] == [one["name"] for one in made.card["inputs"]]
        if task != "language":
            assert notes["classes"] == made.card["classes"] and notes["colours"] == made.card["colours"]
            assert notes["preprocessing"] == PLAIN.to_dict()
    assert f"'arch_id': '{spec.arch_id}'" in code and (task == "language" or "'cat'" in code)


def test_openvino_has_prelu_as_its_operator_with_a_slope_a_channel(made: Made) -> None:
    nodes = openvino.Core().read_model(made.folder / "model.xml").get_ops()
    prelus = [node for node in nodes if node.get_type_name() == "PRelu"]
    assert prelus
    for node in prelus:
        slopes, channels = list(node.input(1).get_shape()), node.input(0).get_partial_shape()[1].get_length()
        assert slopes in ([1, channels, 1, 1], [channels, 1, 1], [1, 1, 1, 1]), "channels in their own place"


def test_the_standalone_file_needs_torch_alone(made: Made) -> None:
    program = (
        "import sys, torch\nsys.modules['safetensors'] = sys.modules['archspace'] = None\n"
        "sys.path.insert(0, '.')\nimport standalone\nnetwork = standalone.load()\n"
        "inputs = [torch.zeros(one['shape'], dtype=getattr(torch, one['dtype']))"
        " for one in standalone.ABOUT['inputs']]\n"
        "with torch.no_grad():\n    answers = network(*inputs)\n"
        "answers = answers if isinstance(answers, tuple) else (answers,)\n"
        "assert [list(y.shape) for y in answers] == [one['shape'] for one in standalone.ABOUT['outputs']]\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=made.folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_the_tx2_file_is_of_its_time(made: Made) -> None:
    model = onnx.load(made.folder / "model.tx2.onnx")
    assert model.opset_import[0].version == 13 and model.ir_version <= 7
    assert not {"Shape", "Loop", "If", "GatherND", "ScatterND"} & {node.op_type for node in model.graph.node}


def test_an_onnx_file_of_a_picture_network_answers_as_the_network(made: Made) -> None:
    if made.task == "language":
        return
    network = OnnxNetwork(made.folder / "model.onnx", made.network.spec)
    assert network.class_names == made.network.class_names and network.preprocessing == PLAIN
    x = torch.randn(2, 3, *made.network.spec.input_size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        ours, theirs = made.network(x), network(x)
    if made.task == "detection":
        torch.testing.assert_close(theirs[0].softmax(-1), ours[0].softmax(-1), rtol=0, atol=1e-4)
        ours, theirs = ours[1], theirs[1]
    torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4)


def test_windows_of_a_text_hand_their_state_on(made: Made) -> None:
    if made.task != "language":
        return
    session = onnxruntime.InferenceSession(made.folder / "model.onnx", providers=["CPUExecutionProvider"])
    tokens = torch.randint(0, 20, (1, 6), generator=torch.Generator().manual_seed(1))
    state = {one["name"]: np.zeros(one["shape"], np.float32) for one in made.card["inputs"][1:]}
    names = [one["name"] for one in made.card["outputs"]]
    parts = []
    for window in torch.split(tokens, 3, 1):
        scores, *after = session.run(names, {"tokens": window.numpy(), **state})
        state = dict(zip(state, after, strict=True))
        parts.append(torch.from_numpy(scores))
    with torch.no_grad():
        whole, _ = made.network(tokens)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-4)


def test_the_card_in_words_speaks_of_what_is_read(made: Made) -> None:
    text = (made.folder / "card.md").read_text(encoding="utf-8")
    language = made.task == "language"
    assert ("of 20 words that reads 3 tokens at once" in text) == language
    assert (" pixels " in text) == ("Pillow" in text) == (not language)
