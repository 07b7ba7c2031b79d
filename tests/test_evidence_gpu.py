"""Training with the data on the device, on a CPU: what it draws, that it goes on, and that it needs few packages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspace.build import build
from archspace.class_names import CAMVID
from archspace.spec.archspec import ArchSpec
from searches.data.splits import VOID
from tests.bench.camvid_gpu import made, pack, runs, unpacked
from tests.bench.resident import Plan, Resident, Trainer, augmented, confusion
from tests.commands import python

ABSENT = ("pydantic", "optuna", "plotly", "faster_coco_eval", "fvcore", "thop", "sqlalchemy", "torchvision")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def data(split: str = "train") -> Resident:
    return Resident(*made(split), len(CAMVID))


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build(
        ArchSpec("fpenet", width=0.5, alphas=(0, 0, 1), decoder="bilinear", classes=11, input_size=(32, 48))
    )


@pytest.mark.parametrize("zoom", [(0.5, 0.5), (1.0, 1.0), (1.5, 2.0)])
def test_labels_move_with_their_images(zoom: tuple[float, float]) -> None:
    torch.manual_seed(0)
    labels = torch.randint(0, 11, (6, 4, 4)).repeat_interleave(16, 1).repeat_interleave(16, 2).byte()
    images = labels[:, None].expand(-1, 3, -1, -1).float()
    labels[:, :8] = VOID
    shown, moved = augmented(images, labels, zoom)
    known = moved != VOID
    right = (shown[:, 0] - moved).abs() < 0.2
    assert right[known].float().mean() > 0.8, "all but the borders between two classes"
    assert moved.min() >= 0 and set(moved.unique().tolist()) <= {*range(11), VOID}
    if zoom == (0.5, 0.5):
        assert 0.7 < (~known).float().mean() < 0.85, "what is outside is void"
    if zoom == (1.0, 1.0):
        mirrored = [torch.equal(moved[i].byte(), labels[i].flip(1)) for i in range(len(labels))]
        assert all(m or torch.equal(moved[i].byte(), labels[i]) for i, m in enumerate(mirrored))
        assert any(mirrored) and not all(mirrored)


def test_a_training_that_pauses_comes_to_the_same_weights(tmp_path: Path) -> None:
    plan = Plan(epochs=2, batch=4)
    whole = Trainer(network(), data(), plan)
    losses = [whole.run_epoch(), whole.run_epoch()]
    first = Trainer(network(), data(), plan)
    assert first.run_epoch() == losses[0]
    first.save(tmp_path / "state")
    second = Trainer(network(seed=1), data(), plan)
    second.load(tmp_path / "state")
    assert second.run_epoch() == losses[1] and second.epoch == 2
    for one, other in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(SystemExit, match="another plan"):
        Trainer(network(), data(), Plan(epochs=3, batch=4)).load(tmp_path / "state")


def test_it_learns() -> None:
    torch.manual_seed(0)
    trainer = Trainer(network(), data(), Plan(epochs=30, batch=6, lr=1e-2, zoom=(1.0, 1.0)))
    first, *_, last = (trainer.run_epoch() for _ in range(30))
    assert last < 0.7 * first


def test_every_pixel_of_the_test_images_is_counted_once() -> None:
    trained, tested = data(), data("test")
    tested.labels[:, :5] = VOID
    net = network().eval()
    counts = confusion(net, trained, tested, batch=4)
    with torch.inference_mode():
        answers = net(trained.normalised(tested.images)).argmax(1).numpy()
    expected = np.zeros((12, 11), np.int64)
    true = np.where(tested.labels.numpy() == VOID, 11, tested.labels.numpy())
    np.add.at(expected, (true, answers), 1)
    assert np.array_equal(counts.numpy(), expected)


def test_weights_and_statistics_are_those_of_the_data() -> None:
    images, labels = made("train")
    labels[0] = VOID
    held = Resident(images, labels, 11)
    scaled = held.normalised(images)
    assert scaled.mean((0, 2, 3)).abs().max() < 1e-4 and (scaled.std((0, 2, 3)) - 1).abs().max() < 1e-3
    share = torch.bincount(labels[1:].flatten().long(), minlength=11) / labels[1:].numel()
    torch.testing.assert_close(held.weights(1.1), 1 / torch.log(1.1 + share))


def test_packed_data_are_the_data(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    slope = np.linspace(0, 240, 16 * 24).reshape(16, 24, 1)
    for split in ("train", "val", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / f"{split}annot").mkdir()
        for i in range(2):
            picture = Image.fromarray((slope + np.array((0, 7 * i, 15))).astype(np.uint8))
            picture.save(tmp_path / split / f"{i}.jpg", quality=90)
            mask = random.integers(0, 12, (16, 24)).astype(np.uint8)
            Image.fromarray(mask).save(tmp_path / f"{split}annot" / f"{i}.png")
    pack(tmp_path, tmp_path / "all.pack")
    for split, off in (("test", 0), ("train", 1)):
        images, labels = unpacked(tmp_path / "all.pack", split)
        for i in range(2):
            picture = np.asarray(Image.open(tmp_path / split / f"{i}.jpg")).astype(int)
            assert np.abs(images[i].permute(1, 2, 0).numpy() - picture).mean() <= off
            mask = np.asarray(Image.open(tmp_path / f"{split}annot" / f"{i}.png"))
            assert np.array_equal(np.where(mask == 11, VOID, mask), labels[i].numpy())


def test_the_first_runs_are_those_that_say_most() -> None:
    listed = runs([Path("found.yaml")])
    assert [one.network for one in listed[:4]] == ["fpenet", "enet", "espnet-camvid", "found.yaml"]
    assert len({one.name for one in listed}) == len(listed)
    assert all(set(one.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for one in listed)


@pytest.mark.slow
def test_it_runs_where_the_packages_of_studies_are_not(tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        f"for name in {ABSENT!r}: sys.modules[name] = None\n"
        f"sys.argv = ['camvid_gpu', '--dry', '--out', {str(tmp_path)!r}, '--only', 'fpenet']\n"
        "runpy.run_module('tests.bench.camvid_gpu', run_name='__main__')\n"
    )
    ran = python(code)
    assert ran.returncode == 0, ran.stderr
    assert "all done" in ran.stdout
    record = json.loads((tmp_path / "fpenet-trainval-seed0.json").read_text(encoding="utf-8"))
    assert record["device"] == "CPU" and record["epochs"] == 2 and record["judged"].startswith("test, once")
    assert (tmp_path / "fpenet-trainval-seed0.safetensors").is_file()
