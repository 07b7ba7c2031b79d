"""A training run that is killed at any step ends with the weights of one that is not."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Recipe
from searches.training.loop import fit
from searches.training.resume import STATE_FILE
from tests.commands import archspace
from tests.forked import archspace_begun
from tests.searches.studies import write_recipe
from tests.searches.training.small_runs import (
    CLASSIFIER,
    CPU,
    SEGMENTER,
    KillAt,
    Killed,
    StepCount,
    fresh,
    task_of,
    weights,
)
from tests.waiting import until

RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dropout, mirrored, averaged": (CLASSIFIER, {"epochs": 3, "batch": 5, "ema": 0.9, "shift": 2}),
    "crops, smoothing, clip": (
        CLASSIFIER,
        {"epochs": 3, "batch": 5, "optimizer": "sgd", "area": [0.3, 1.0], "colour": 0.3,
         "label_smoothing": 0.1, "clip": 1.0},
    ),
    "encoder first, then frozen norms at two sizes": (
        SEGMENTER,
        {
            "batch": 4,
            "zoom": [0.7, 1.5],
            "stages": [
                {"epochs": 2, "encoder_only": True, "coarse_labels": True},
                {"epochs": 2, "freeze_norms": True, "sizes": [[16, 16], [32, 32]]},
            ],
        },
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kills", [(1,), (2, 3, 1), (5,), (7, 2)])
@pytest.mark.parametrize("save_seconds", [0.0, 1e9])
def test_killed_at_any_step_it_ends_with_the_same_weights(
    name: str, kills: tuple[int, ...], save_seconds: float, tmp_path: Path
) -> None:
    fields, recipe = RECIPES[name]
    whole = fresh(fields)
    history = fit(whole, task_of(fields), Recipe(**recipe), seed=3, device=CPU)
    for steps in kills:
        with pytest.raises(Killed):
            fit(
                fresh(fields), task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path,
                callback=KillAt(steps), save_seconds=save_seconds,
            )  # fmt: skip
    broken = fresh(fields)
    again = fit(
        broken,
        task_of(fields),
        Recipe(**recipe),
        seed=3,
        device=CPU,
        folder=tmp_path,
        save_seconds=save_seconds,
    )
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(broken).items())
    assert [(e.number, e.loss, e.rate) for e in again] == [(e.number, e.loss, e.rate) for e in history]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("pauses", [(1,), (1, 2), (2, 2, 3)])
def test_paused_at_the_end_of_any_epoch_it_ends_with_the_same_weights(
    name: str, pauses: tuple[int, ...], tmp_path: Path
) -> None:
    fields, recipe = RECIPES[name]
    whole, steps = fresh(fields), StepCount()
    history = fit(whole, task_of(fields), Recipe(**recipe), seed=3, device=CPU, callback=steps)
    done = StepCount()
    for epochs in (*pauses, None):
        network = fresh(fields)
        again = fit(
            network, task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path, callback=done,
            save_seconds=1e9, save_epochs=False, until=epochs,
        )  # fmt: skip
        assert len(again) == (epochs or len(history))
        with torch.no_grad():
            task_of(fields).evaluate(network, task_of(fields).val, CPU)
    expected = weights(whole)
    assert all(torch.equal(value, expected[key]) for key, value in weights(network).items())
    assert [(e.number, e.loss, e.rate) for e in again] == [(e.number, e.loss, e.rate) for e in history]
    assert done.steps == steps.steps, "no step was done twice"


def test_a_paused_network_is_what_a_training_of_so_many_epochs_would_keep(tmp_path: Path) -> None:
    fields = CLASSIFIER
    recipe = {"batch": 5, "ema": 0.9, "schedule": "constant", "warmup": 0.0}
    paused, short = fresh(fields), fresh(fields)
    fit(paused, task_of(fields), Recipe(epochs=3, **recipe), seed=3, device=CPU, folder=tmp_path, until=2)
    fit(short, task_of(fields), Recipe(epochs=2, **recipe), seed=3, device=CPU)
    expected = weights(short)
    assert all(torch.equal(value, expected[key]) for key, value in weights(paused).items())


def test_a_short_training_writes_no_state_unless_it_is_to(tmp_path: Path) -> None:
    fields = CLASSIFIER
    task, recipe = task_of(fields), Recipe(epochs=2, batch=5)
    fit(fresh(fields), task, recipe, seed=3, device=CPU, folder=tmp_path, save_epochs=False)
    assert not (tmp_path / STATE_FILE).exists()
    fit(fresh(fields), task, recipe, seed=3, device=CPU, folder=tmp_path, save_epochs=False, until=1)
    assert (tmp_path / STATE_FILE).is_file()


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    fields, recipe = RECIPES["dropout, mirrored, averaged"]
    first = fresh(fields)
    fit(first, task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path)
    second = fresh(fields)
    fit(second, task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path, callback=KillAt(1))
    expected = weights(first)
    assert all(torch.equal(value, expected[key]) for key, value in weights(second).items())


def test_another_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    fields, recipe = RECIPES["dropout, mirrored, averaged"]
    fit(fresh(fields), task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path)
    with pytest.raises(FieldError, match=r"seed: 4: .* holds a training run with another value"):
        fit(fresh(fields), task_of(fields), Recipe(**recipe), seed=4, device=CPU, folder=tmp_path)
    with pytest.raises(FieldError, match=r"recipe\.lr: "):
        fit(fresh(fields), task_of(fields), Recipe(**recipe, lr=0.5), seed=3, device=CPU, folder=tmp_path)
    other = {**fields, "width": 0.5}
    with pytest.raises(FieldError, match="arch_id: "):
        fit(fresh(other), task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path)
    (tmp_path / STATE_FILE).write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="cannot be read"):
        fit(fresh(fields), task_of(fields), Recipe(**recipe), seed=3, device=CPU, folder=tmp_path)


@pytest.mark.slow
def test_the_command_killed_with_signal_9_goes_on_and_ends_with_the_same_weights(
    tmp_path: Path, cache_folder: Path
) -> None:
    words = ["train", write_recipe(tmp_path, {"epochs": 20})]
    whole = archspace(*words, "--out", tmp_path / "whole", "--json")
    assert whole.returncode == 0, whole.stderr
    state = tmp_path / "killed" / STATE_FILE
    with archspace_begun(*words, "--out", tmp_path / "killed") as process:
        until(lambda: state.is_file() or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed: train longer here"
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    again = archspace("train", tmp_path / "killed", "--json")
    assert again.returncode == 0, again.stderr
    killed, expected = (load_file(tmp_path / name / "weights.safetensors") for name in ("killed", "whole"))
    assert killed.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in killed.items())
