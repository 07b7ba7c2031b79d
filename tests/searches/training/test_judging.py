"""One number for one network: what training prints, evaluation prints, at one size, in one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from searches.data.dataset import load_split
from searches.data.images import image_array
from searches.data.splits import VOID
from searches.tasks.segmentation import Segmentation
from searches.training.evaluate import evaluate
from searches.training.run import train
from tests.searches.studies import RECIPE

pytestmark = [pytest.mark.usefixtures("cache_folder"), pytest.mark.slow]

RGB = Preprocessing(channel_order="rgb", mean=(0.5,) * 3, std=(0.25,) * 3)
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200))
CPU = torch.device("cpu")


def picture(random: np.random.Generator, label: int, size: tuple[int, int]) -> Image.Image:
    """Noise around the colour of its class, another one at the left and right edges."""
    pixels = random.normal(COLOURS[label], 40, (*size, 3))
    pixels[:, : size[1] // 5] = pixels[:, -size[1] // 5 :] = COLOURS[(label + 1) % 3]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wide pictures in class folders, and wide pictures of several sizes with masks."""
    root, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for split, count in (("train", 5), ("val", 4)):
        (root / "masks" / split).mkdir(parents=True)
        (root / "masks" / f"{split}annot").mkdir()
        for i in range(3 * count):
            label = i % 3
            (root / "classes" / split / f"c{label}").mkdir(parents=True, exist_ok=True)
            picture(random, label, (40, 72)).save(root / "classes" / split / f"c{label}" / f"{i}.png")
            size = (60 + 8 * (i % 2), 96)
            picture(random, label, size).save(root / "masks" / split / f"{i}.png")
            mask = (
                random.integers(0, 3, (size[0] // 4, size[1] // 4)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
            )
            Image.fromarray(mask).save(root / "masks" / f"{split}annot" / f"{i}.png")
    return root


SMALL: dict[str, Any] = {"training.epochs": 1, "training.batch": 4, "training.evaluate_every": 1}
CASES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "data say the size": ("espnetv2-0.5", "cifar10", "classes", {}),
    "the last stage says it": (
        "espnetv2-0.5", "espnetv2-imagenet", "classes",
        {"data.input_size": (48, 48), "training.input_size": (40, 40)},
    ),
    "the last of its sizes says it": (
        "espnetv2-0.5", "cifar10", "classes",
        {"data.input_size": (48, 48), "training.sizes": ((32, 32), (40, 40))},
    ),
    "the spec says it": ("espnetv2-seg-0.5", "scenes", "masks", {"data.input_size": None, "spec.input_size": (64, 96)}),
    "masks at another size": ("espnetv2-seg-0.5", "scenes", "masks", {"data.input_size": (48, 80)}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_training_prints_evaluation_prints(case: str, folders: Path, tmp_path: Path) -> None:
    network, recipe, data, changes = CASES[case]
    size = changes.get("spec.input_size")
    more = {name: value for name, value in changes.items() if not name.startswith("spec.")}
    data_changes = {
        "data.root": str(folders / data),
        "data.layout": None,
        "data.train": None,
        "data.val": None,
    }
    result = train(
        network, recipe, out=tmp_path / "run", changes={**data_changes, **SMALL, **more}, input_size=size
    )
    again = evaluate(str(tmp_path / "run"), folders / data, split="val")
    metric = "accuracy" if data == "classes" else "miou"
    history = yaml.safe_load((tmp_path / "run" / "metrics.json").read_text())
    assert again[metric] == pytest.approx(result.metrics[metric], abs=1e-9)
    assert again["input_size"] == result.metrics["input_size"] == list(result.network.spec.input_size)
    assert again["crop"] == result.metrics["crop"] == history["crop"]
    expected = {
        "data say the size": [32, 32], "the last stage says it": [40, 40],
        "the last of its sizes says it": [40, 40], "the spec says it": [64, 96], "masks at another size": [48, 80],
    }  # fmt: skip
    assert again["input_size"] == expected[case]
    assert again["crop"] == ("centre" if recipe == "espnetv2-imagenet" else "squash")
    last = (tmp_path / "run" / "history.csv").read_text().splitlines()
    row = dict(zip(last[0].split(","), last[-1].split(","), strict=True))
    assert float(row["val_metric"]) == pytest.approx(result.metrics[metric], abs=1e-3)


class Oracle(torch.nn.Module):
    """Answers with the colour that a pixel is nearest to, at the input's resolution."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        colours = (torch.tensor(COLOURS) / 255 - 0.5) / 0.25
        return -((x[:, None] - colours[None, :, :, None, None]) ** 2).sum(2)


def test_segmentation_is_judged_at_the_labels_own_resolution(folders: Path) -> None:
    split = load_split("segnet", "val", root=folders / "masks", input_size=(32, 40), task="segmentation")
    assert split.own_mask is not None and split.sizes is not None
    task, network = Segmentation(split, split, RGB), Oracle()
    evaluation = task.evaluate(network, split, CPU)  # type: ignore[arg-type]
    hits, unions, hits_at_input, unions_at_input = (np.zeros(3) for _ in range(4))
    for i, name in enumerate(split.names):
        x = RGB.normalise(torch.from_numpy(split.images[i : i + 1].copy()).permute(0, 3, 1, 2).float())
        scores = network(x)
        own = np.asarray(Image.open(folders / "masks" / "valannot" / f"{Path(name).stem}.png"))
        assert own.shape == tuple(split.sizes[i])
        grown = torch.nn.functional.interpolate(scores, size=own.shape, mode="bilinear", align_corners=True)
        for target, answer, hit, union in (
            (own, grown.argmax(1)[0].numpy(), hits, unions),
            (np.asarray(split.targets)[i], scores.argmax(1)[0].numpy(), hits_at_input, unions_at_input),
        ):
            for c in range(3):
                hit[c] += ((target == c) & (answer == c)).sum()
                union[c] += ((target == c) | (answer == c)).sum()
    assert evaluation.values["miou"] == pytest.approx(100 * (hits / unions).mean())
    assert evaluation.values["miou_at_input"] == pytest.approx(100 * (hits_at_input / unions_at_input).mean())
    assert evaluation.values["miou"] != evaluation.values["miou_at_input"]
    assert evaluation.value == evaluation.values["miou"] and VOID not in own


def test_a_subset_keeps_its_own_masks(folders: Path) -> None:
    split = load_split("segnet", "val", root=folders / "masks", input_size=(32, 40), task="segmentation")
    part = split.head(5)
    assert part.own_mask is not None and split.own_mask is not None
    for i, name in enumerate(part.names):
        assert np.array_equal(part.own_mask(i), split.own_mask(split.names.index(name)))


def test_a_centre_crop_is_the_middle_of_the_resized_picture() -> None:
    """Of 224 x 224 the shorter side becomes 256, as ImageNet's networks are judged."""
    ramp = np.broadcast_to(np.linspace(0, 255, 512).astype(np.uint8)[None, :, None], (300, 512, 3))
    picture = Image.fromarray(np.ascontiguousarray(ramp))
    cut = image_array(picture, (224, 224), 3, "ramp", "centre")
    whole = np.asarray(picture.resize((round(512 * 256 / 300), 256), Image.Resampling.BILINEAR))
    left = round((whole.shape[1] - 224) / 2)
    assert np.array_equal(cut, whole[16:240, left : left + 224])
    assert cut[0, 0, 0] > 50 and image_array(picture, (224, 224), 3, "ramp")[0, 0, 0] < 3


def test_random_areas_have_their_aspect_in_the_pixels_of_the_picture() -> None:
    from searches.data.augment import Augmentation, windows

    sizes = np.array([[100, 400]] * 4000)
    window = windows(4000, sizes, (32, 32), Augmentation(area=(0.1, 0.2)), np.random.default_rng(0))
    wide, high = (window.half * [400, 100]).T
    assert (wide / high).min() > 3 / 4 - 1e-9 and (wide / high).max() < 4 / 3 + 1e-9
    assert (wide * high / (400 * 100)).min() > 0.1 - 1e-9 and (wide * high / (400 * 100)).max() < 0.2 + 1e-9


def test_a_training_folder_is_judged_on_its_own_data(tmp_path: Path) -> None:
    """Without --data: the layout, the folder and as many images as its training had; what it printed comes out."""
    spec = ArchSpec.from_dict({**RECIPE["spec"], "task": "classification", "channels": 3})
    recipe = {
        "name": "few", "data": {**RECIPE["data"], "channels": 1}, "training": RECIPE["training"],
    }  # fmt: skip
    result = train(spec, recipe, out=tmp_path / "run")
    assert result.network.spec.channels == 1, "data.channels are the network's"
    judged = evaluate(tmp_path / "run")
    assert judged["layout"] == "digits" and judged["images"] == 60
    assert judged["accuracy"] == result.metrics["accuracy"]
    assert evaluate(tmp_path / "run", layout="digits")["images"] > 60, "data that are named are all taken"
