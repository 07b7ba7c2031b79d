"""One step: parts add up, what is frozen stays, what cannot go on says why."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from archspace.build import build
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from searches.config.recipe import Recipe, Stage
from searches.data.dataset import Split
from searches.tasks.base import Raw
from searches.tasks.classification import Classification
from searches.tasks.scores import distilled
from searches.training.loop import adopt_encoder, encoder_alone, fit
from searches.training.steps import Stepper, TrainingError, make_optimizer, seed_step

CPU = torch.device("cpu")
RGB = Preprocessing(channel_order="rgb", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
SMALL = ArchSpec("espnetv2", width=0.25, alphas=(0, 0, 0, 0), classes=3, input_size=16)


@pytest.mark.parametrize("seed", [0, 5, 2**62 - 1])
def test_a_step_is_seeded_as_by_torch_and_nothing_is_kept_for_gpus_that_are_not_there(seed: int) -> None:
    torch.manual_seed(seed)
    expected, kept = torch.rand(4), len(torch.cuda._queued_calls)
    seed_step(seed)
    assert torch.equal(torch.rand(4), expected)
    assert len(torch.cuda._queued_calls) == kept


def _split(n: int = 12) -> Split:
    images = np.random.default_rng(0).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    return Split(
        images=images,
        targets=np.arange(n) % 3,
        names=tuple(f"{i}.png" for i in range(n)),
        classes=("a", "b", "c"),
    )


def _stepper(stage: Stage, split: Split) -> Stepper:
    torch.manual_seed(0)
    network = build(SMALL)
    network.head.linear[0].p = 0.0  # type: ignore[union-attr, index, assignment]
    stepper = Stepper(network, Classification(split, split, RGB), stage, CPU, None)
    stepper.train()
    return stepper


def _whole(split: Split) -> Raw:
    return Raw(np.asarray(split.images), split.targets, split.names)


def test_parts_add_up_to_the_whole_batch() -> None:
    """With norms frozen, gradients of the parts of a batch sum to that of the batch."""
    split, stage = _split(), Stage(optimizer="sgd", momentum=0.0, flip=False, freeze_norms=True, lr=0.1)
    results = []
    for parts in (1, 3):
        stepper = _stepper(stage, split)
        stepper.parts = parts
        loss = stepper.step(_whole(split), (16, 16), 0.1, (0, 0, 0, 0), "here")
        results.append((loss, torch.cat([p.detach().flatten() for p in stepper.network.parameters()])))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    assert torch.allclose(results[0][1], results[1][1], atol=1e-6)


def test_a_frozen_norm_keeps_everything() -> None:
    split = _split()
    stepper = _stepper(Stage(freeze_norms=True, lr=0.1), split)
    before = {k: v.clone() for k, v in stepper.network.state_dict().items()}
    for step in range(3):
        stepper.step(_whole(split), (16, 16), 0.1, (0, 0, 0, step), "here")
    after = stepper.network.state_dict()
    norms = {n for n, m in stepper.network.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    for key, value in after.items():
        frozen = key.rpartition(".")[0] in norms
        assert torch.equal(value, before[key]) or not frozen, key
    assert not torch.equal(after["encoder.level1.conv.weight"], before["encoder.level1.conv.weight"])


def test_the_optimiser_has_a_group_for_each_treatment() -> None:
    network = build(SMALL)
    groups = make_optimizer(network, Stage(lr=0.1, weight_decay=0.01, head_lr=10.0), CPU).param_groups
    sizes = {(g["weight_decay"], g["factor"]): sum(p.numel() for p in g["params"]) for g in groups}
    head = network.head.state_dict()
    assert (
        sizes[0.01, 10.0] == head["linear.1.weight"].numel()
        and sizes[0.0, 10.0] == head["linear.1.bias"].numel()
    )
    assert set(sizes) == {(0.01, 1.0), (0.0, 1.0), (0.01, 10.0), (0.0, 10.0)}
    everything = make_optimizer(network, Stage(weight_decay=0.01, decay_norms=True), CPU).param_groups
    assert {g["weight_decay"] for g in everything} == {0.01}


def test_a_loss_that_is_not_finite_names_step_and_images() -> None:
    split = _split()
    stepper = _stepper(Stage(), split)
    with torch.no_grad():
        next(stepper.network.parameters()).fill_(math.nan)
    with pytest.raises(
        TrainingError,
        match=r"loss is nan at epoch 2, step 7; the batch was: 0\.png, 1\.png, .*7\.png, \.\.\.",
    ):
        stepper.step(_whole(split), (16, 16), 0.1, (0, 0, 0, 0), "epoch 2, step 7")


def test_the_average_is_what_is_kept() -> None:
    split, stage = _split(), Stage(ema=0.5, lr=0.1, optimizer="sgd", flip=False)
    stepper = _stepper(stage, split)
    weights = []
    for step in range(3):
        stepper.step(_whole(split), (16, 16), 0.1, (0, 0, 0, step), "here")
        weights.append(stepper.network.state_dict()["encoder.level1.conv.weight"].clone())
    expected = 0.5 * (0.5 * weights[0] + 0.5 * weights[1]) + 0.5 * weights[2]
    stepper.finish()
    assert torch.allclose(stepper.network.state_dict()["encoder.level1.conv.weight"], expected, atol=1e-6)


def test_distillation_is_hintons() -> None:
    torch.manual_seed(0)
    scores, taught = torch.randn(5, 4), torch.randn(5, 4)
    p, q = F.softmax(taught / 3, 1), F.softmax(scores / 3, 1)
    assert distilled(scores, taught, 3.0).item() == pytest.approx(
        9 * (p * (p / q).log()).sum(1).mean().item(), rel=1e-5
    )
    assert distilled(taught, taught, 2.0).item() == pytest.approx(0, abs=1e-6)
    coarse = distilled(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2), 1.0)
    assert coarse.item() == pytest.approx(0, abs=1e-7)


@pytest.mark.slow
def test_a_teacher_pulls_the_network_to_its_scores(tmp_path: object) -> None:
    from pathlib import Path

    from archspace.checkpoint import save

    split = _split()
    task = Classification(split, split, RGB)
    torch.manual_seed(3)
    teacher = build(SMALL)
    fit(teacher, task, Recipe(epochs=20, batch=6, lr=5e-3, flip=False), seed=0, device=CPU)
    path = save(teacher, Path(str(tmp_path)) / "teacher.safetensors", preprocessing=RGB)
    agreement = []
    for share in (0.0, 1.0):
        torch.manual_seed(4)
        network = build(SMALL)
        recipe = Recipe(epochs=10, batch=6, lr=5e-3, flip=False, teacher=str(path), distillation=share)
        fit(network, task, recipe, seed=0, device=CPU)
        images = RGB.apply(np.asarray(split.images))
        with torch.inference_mode():
            agreement.append(distilled(network.eval()(images), teacher.eval()(images), 1.0).item())
    assert agreement[1] < agreement[0]


def test_the_encoder_of_espnet_c_becomes_that_of_espnet() -> None:
    torch.manual_seed(0)
    whole = build(ArchSpec("espnet", alphas=(1, 1), width=0.5, classes=3, input_size=32))
    alone = encoder_alone(whole)
    assert alone.spec.network == "espnet-c"
    with torch.no_grad():
        for parameter in alone.parameters():
            parameter.add_(1.0)
    adopt_encoder(whole, alone)
    theirs = alone.state_dict()
    ours = whole.state_dict()
    assert all(torch.equal(ours[k], v) for k, v in theirs.items() if k.startswith("encoder."))
    assert torch.equal(ours["head.project3.conv.weight"], theirs["head.project.conv.weight"])


MEMORY = """
    import logging, resource
    import numpy as np, torch
    torch.set_num_threads(1)
    from archspace.build import build
    from archspace.preprocessing import Preprocessing
    from archspace.spec.archspec import ArchSpec
    from searches.tasks.base import Raw
    from searches.tasks.classification import Classification
    from searches.data.dataset import Split
    from searches.config.recipe import Stage
    from searches.training.steps import Stepper

    logging.basicConfig(level=logging.WARNING)
    n = 256
    images = np.zeros((n, 96, 96, 3), np.uint8)
    split = Split(images=images, targets=np.arange(n) % 3, names=tuple(map(str, range(n))), classes=("a", "b", "c"))
    rgb = Preprocessing(channel_order="rgb", mean=(0.5,) * 3, std=(0.25,) * 3)
    network = build(ArchSpec("espnetv2", width=1.0, alphas=(0, 0, 0, 0), classes=3, input_size=96))
    stepper = Stepper(network, Classification(split, split, rgb), Stage(flip=False), torch.device("cpu"), None)
    stepper.train()
    warm = Raw(images[:4], split.targets[:4], split.names[:4])
    stepper.step(warm, (96, 96), 0.01, (0, 0, 0, 0), "warm")
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20, resource.RLIM_INFINITY))
    loss = stepper.step(Raw(images, split.targets, split.names), (96, 96), 0.01, (0, 0, 0, 1), "here")
    print(stepper.parts, loss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by RLIMIT_AS")
def test_out_of_memory_halves_the_batch_and_is_reported() -> None:
    """A real limit on the address space: the step of 256 images ends in parts."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(MEMORY)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    parts, loss = done.stdout.split()
    assert int(parts) > 1 and math.isfinite(float(loss))
    assert "out of memory: batches of 256 now run in 2 parts, gradients add up" in done.stderr
