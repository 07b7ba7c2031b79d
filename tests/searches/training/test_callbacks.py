"""What a person sees of a training run: log, history, curves, TensorBoard; and how its failures are told."""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from analysis.drawing.curves import read_history
from archspace.preprocessing import Preprocessing
from searches.config.recipe import Recipe
from searches.config.training import TrainConfig
from searches.data.dataset import Split
from searches.data.layouts import scenes
from searches.tasks.table import make_task
from searches.training import tensorboard_log
from searches.training.callbacks import Callbacks, Recorder, Shown
from searches.training.loop import Callback, Step, fit
from searches.training.steps import out_of_memory
from searches.training.tensorboard_log import Board, pictures
from tests.commands import archspace, command, environment, refused
from tests.searches.studies import write_recipe
from tests.searches.training.small_runs import (
    CLASSIFIER,
    CPU,
    SEGMENTER,
    KillAt,
    Killed,
    events,
    fresh,
    task_of,
)


@pytest.fixture
def few_scenes(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in scenes are few."""
    for split in ("train", "val", "test"):
        monkeypatch.setitem(scenes.COUNTS, split, 16)


STAGES = {
    "batch": 4, "evaluate_every": 1,
    "stages": [{"epochs": 1, "encoder_only": True, "coarse_labels": True}, {"epochs": 2}],
}  # fmt: skip


class Heard(Callback):
    """Keeps the steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, step: Step) -> None:
        self.steps.append(step)


def test_steps_and_epochs_say_their_stage_and_the_images_seen() -> None:
    heard = Heard()
    history = fit(fresh(SEGMENTER), task_of(SEGMENTER), Recipe(**STAGES), seed=1, device=CPU, callback=heard)
    assert [epoch.stage for epoch in history] == [1, 2, 2]
    assert [step.stage for step in heard.steps] == [1] * 3 + [
        2
    ] * 6  # 13 images: 4 + 4 + 4, the last one left out
    assert [step.images_seen for step in heard.steps] == [4 * i for i in range(1, 10)]
    assert all(step.images_per_second > 0 for step in heard.steps)


def test_the_recorder_of_a_killed_run_has_the_epochs_of_both(tmp_path: Path) -> None:
    def run(*more: Callback) -> None:
        callback = Callbacks(Recorder(tmp_path, "net", task_of(SEGMENTER)), *more)
        fit(
            fresh(SEGMENTER),
            task_of(SEGMENTER),
            Recipe(**STAGES),
            seed=1,
            device=CPU,
            folder=tmp_path,
            callback=callback,
        )

    with pytest.raises(Killed):
        run(KillAt(8))
    assert len(read_history(tmp_path / "history.csv")) == 2 and (tmp_path / "curves.html").is_file()
    run()
    rows = read_history(tmp_path / "history.csv")
    assert [(row.epoch, row.stage) for row in rows] == [(1, 1), (2, 2), (3, 2)]
    assert all(row.metric is not None for row in rows)
    page = (tmp_path / "curves.html").read_text(encoding="utf-8")
    assert "validation miou" in page and "stage 2" in page and "<script src" not in page


def test_the_terminal_shows_a_table_and_a_live_line() -> None:
    text = StringIO()
    console = Console(file=text, force_terminal=True, width=150, color_system=None)
    config = TrainConfig.model_validate({"training": STAGES})
    with Shown(config, task_of(SEGMENTER), console) as shown:
        fit(fresh(SEGMENTER), task_of(SEGMENTER), Recipe(**STAGES), seed=1, device=CPU, callback=shown)
        line = shown.bar.tasks[0]
        assert line.completed == 3 and line.description == "epoch 3 of 3, stage 2 of 2"
        assert line.fields["note"].startswith("loss ") and "miou" in line.fields["note"]
        assert line.fields["note"].endswith(" images/s")
    said = text.getvalue()
    assert all(word in said for word in ("waiting", "1/3", "3/3", "2/2"))


def test_tensorboard_reads_scalars_and_pictures_of_a_run_that_was_killed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for kill in (5, None):
        task = task_of(SEGMENTER)
        board = Board(tmp_path, task, CPU)
        watches = [board] if kill is None else [board, KillAt(kill)]
        network = fresh(SEGMENTER)
        try:
            with Callbacks(*watches) as callback:
                fit(network, task, Recipe(**STAGES), seed=1, device=CPU, folder=tmp_path, callback=callback)
        except Killed:
            assert kill is not None
    written = events(tmp_path / "tensorboard")
    scalars = set(written.Tags()["scalars"])
    assert {"train/loss", "train/lr", "train/images_per_second", "epoch/waiting_share", "val/miou"} <= scalars
    assert [e.step for e in written.Scalars("train/loss")] == [4 * i for i in range(1, 10)], "each step once"
    assert [e.step for e in written.Scalars("val/miou")] == [12, 24, 36]
    assert written.Tags()["images"] == [f"val/image {i}" for i in range(3)]
    image = written.Images("val/image 0")[-1]
    assert (image.width, image.height) == (96, 32), "input, target, prediction"


@pytest.mark.parametrize("fields", [CLASSIFIER, SEGMENTER])
def test_pictures_show_input_and_target(fields: dict[str, Any]) -> None:
    task = task_of(fields)
    shown = list(pictures(task, fresh(fields), CPU, None))
    assert [name for name, _ in shown] == ["image 0", "image 1", "image 2"]
    side = fields["input_size"][0]
    first = np.asarray(shown[0][1])
    assert (first[:side, :side] == task.val.images[0]).all()
    assert first.shape[1] > 2 * side
    if fields is SEGMENTER:
        assert (first[:2, side : 2 * side] == task.val.images[0][:2]).all(), "void is not tinted"
        assert (first[2:, side : 2 * side] != task.val.images[0][2:]).any()


def test_pictures_of_grey_images() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)
    split = Split(images=images, targets=np.arange(4) % 2, names=tuple("abcd"), classes=("dark", "light"))
    grey = Preprocessing(channel_order="gray", mean=(0.5,), std=(0.25,))
    drawn = list(
        pictures(
            make_task("classification", split, split, grey), fresh({**CLASSIFIER, "channels": 1}), CPU, None
        )
    )
    assert len(drawn) == 3 and all(isinstance(picture, Image.Image) for _, picture in drawn)


@pytest.mark.slow
def test_the_command_writes_curves_and_events(few_scenes: None, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    completed = archspace(
        "train", "espnetv2-seg-0.5", "--recipe", "scenes", "--layout", "scenes", "--input", "32x32",
        "--epochs", "1", "--tensorboard",
        "--out", tmp_path / "run", "--json",
    )  # fmt: skip
    assert completed.returncode == 0, completed.stderr
    miou = json.loads(completed.stdout)["miou"]
    assert read_history(tmp_path / "run" / "history.csv")[-1].metric == pytest.approx(miou)
    assert (tmp_path / "run" / "curves.html").is_file()
    written = events(tmp_path / "run" / "tensorboard")
    assert written.Scalars("val/miou")[-1].value == pytest.approx(miou, rel=1e-5)
    log = (tmp_path / "run" / "train.log").read_text()
    assert "images/s" in log and "1/1" in log


def test_without_tensorboard_the_flag_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard_log, "find_spec", lambda name: None)
    words = ("train", "espnetv2-seg-0.5", "--recipe", "scenes", "--layout", "scenes", "--tensorboard")
    refused(archspace(*words, "--out", tmp_path / "run"), "pip install 'archspace[tensorboard]'")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_is_one_line_with_the_batch(few_scenes: None, tmp_path: Path) -> None:
    data = {"layout": "scenes", "input_size": [32, 32]}
    recipe = write_recipe(tmp_path, {"batch": 4, "optimizer": "sgd", "lr": 1e30, "warmup": 0.0}, data=data)
    completed = archspace(
        "train", "espnetv2-seg-0.5", "--recipe", recipe, "--input", "32x32", "--out", tmp_path / "run"
    )
    assert completed.returncode == 1 and "Traceback" not in completed.stderr
    last = completed.stderr.strip().splitlines()[-1]
    assert last.startswith("archspace: loss is nan at epoch 1, step ") and "scenes/train/" in last
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_memory_that_runs_out_is_known_by_its_words() -> None:
    with pytest.raises(RuntimeError) as tensor:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert out_of_memory(tensor.value)
    with pytest.raises(MemoryError) as array:
        np.ones(1 << 60, np.uint8)
    assert out_of_memory(array.value)
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS")
def test_a_machine_without_enough_memory_is_reported_in_one_line(cache_folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split, name in itertools.product(("train", "val"), ("cat", "dog")):
        (tmp_path / "data" / split / name).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (512, 1024, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{number}.png")
    data = {"layout": "imagefolder", "input_size": [512, 1024]}
    words = (
        "train", "espnetv2-2.0", "--recipe", write_recipe(tmp_path, {"batch": 8}, data=data),
        "--data", tmp_path / "data", "--input", "512x1024",
    )  # fmt: skip

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2_000 << 20, 2_000 << 20))

    ran = subprocess.run(
        command(*words, "--out", tmp_path / "run"), env=environment(), capture_output=True, text=True,
        preexec_fn=limited, check=False,
    )  # fmt: skip
    assert ran.returncode == 2, ran.stderr[-2000:]
    assert "Traceback" not in ran.stderr and "out of memory" in ran.stderr.splitlines()[-1]
