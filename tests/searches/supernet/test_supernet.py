"""Shared weights: what one network learns changes the others; a step is a sandwich; norms are a network's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from archspace.build import dead_parameters
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.units.base import initialise
from searches.config.recipe import Recipe, Stage
from searches.data.splits import VOID
from searches.study.space import SearchSpace
from searches.supernet.norms import estimate_norms
from searches.supernet.sandwich import SandwichStepper
from searches.supernet.supernet import Supernet
from searches.tasks.base import Batch, ImageTask, Task
from searches.training.loop import fit
from tests.searches.supernet.spaces import IMAGES, SCENES, SMALL, small, subnets
from tests.searches.training.small_runs import CPU, SEGMENTER, KillAt, Killed, task_of

FIELDS = {"network": "espnetv2", "classes": 10, "input_size": [32, 32]}


def task() -> ImageTask:
    return cast(ImageTask, task_of(FIELDS))


def kept(supernet: Supernet) -> dict[str, Tensor]:
    return {role: value.detach().clone() for role, value in supernet.weights.by_role().items()}


def learned(supernet: Supernet, spec: ArchSpec) -> None:
    """One plain step of one network."""
    optimizer = torch.optim.SGD(supernet.weights.parameters(), lr=0.1)
    network = supernet.network(spec).train()
    scores: Any = network(torch.randn(4, 3, 32, 32))
    torch.nn.functional.cross_entropy(scores, torch.arange(4)).backward()  # type: ignore[no-untyped-call]
    supernet.collect(network)
    optimizer.step()


def test_what_one_network_learns_changes_another_and_nothing_that_it_has_not() -> None:
    torch.manual_seed(0)
    supernet = small()
    small_one, large_one = supernet.subnets.smallest, supernet.subnets.largest
    before, large_before = kept(supernet), supernet.network(large_one).state_dict()
    learned(supernet, small_one)
    after, large_after = kept(supernet), supernet.network(large_one).state_dict()
    assert not torch.equal(large_before["head.linear.1.weight"], large_after["head.linear.1.weight"])
    mine = {place.role for place in supernet.places(small_one).values()}
    assert {role for role in before if not torch.equal(before[role], after[role])} <= mine
    places = supernet.places(small_one)
    at = places["head.linear.1.weight"]
    rows = torch.ones(before[at.role].numel(), dtype=torch.bool).index_fill(0, at.rows, False)
    assert torch.equal(before[at.role].flatten()[rows], after[at.role].flatten()[rows])


def test_a_fresh_supernet_begins_as_ordinary_networks_do(small_supernet: Supernet) -> None:
    for spec in (small_supernet.subnets.smallest, small_supernet.subnets.largest):
        inherited = small_supernet.network(spec)
        own = small_supernet.network(spec)
        torch.manual_seed(0)
        initialise(own)
        for (name, value), (_, usual) in zip(
            inherited.named_parameters(), own.named_parameters(), strict=True
        ):
            assert torch.isfinite(value).all()
            if value.dim() == 4 and value.numel() > 200 and name not in dead_parameters(own):
                assert 0.4 < (value.std() / usual.std()).item() < 2.5, f"{spec.label}: {name}"


def test_the_extremes_are_the_cheapest_and_the_dearest(small_supernet: Supernet) -> None:
    found = small_supernet.subnets
    assert found.enumerated is not None and len(found.enumerated) == 16
    macs = [one.counts["macs"] for one in found.enumerated]
    assert found.enumerated[int(np.argmin(macs))].spec.arch_id == found.smallest.arch_id
    assert found.enumerated[int(np.argmax(macs))].spec.arch_id == found.largest.arch_id
    assert found.smallest.width == 0.25 and found.largest.width == 0.5


def stepper(supernet: Supernet, stage: Stage, of: Task, random: int = 2) -> SandwichStepper:
    return SandwichStepper(supernet, random, 8, of, stage, CPU)


def test_a_step_is_a_sandwich_that_follows_from_its_seed() -> None:
    supernet = small()
    steps = stepper(supernet, Recipe(batch=8).plan()[0], task())
    largest, smallest = supernet.subnets.largest.arch_id, supernet.subnets.smallest.arch_id
    seen = set()
    for number in range(12):
        chosen = [spec.arch_id for spec in steps.sandwich((0, 0, 0, number))]
        assert chosen == [spec.arch_id for spec in steps.sandwich((0, 0, 0, number))]
        assert chosen[:2] == [largest, smallest] and len(chosen) == len(set(chosen)) <= 4
        seen |= set(chosen)
    assert len(seen) > 8, "random networks come from all of the space"


def test_others_learn_from_the_largest_networks_scores_alone_and_not_where_all_is_void() -> None:
    fields = {"network": "espnet", "width": 0.5, "unit": "esp", "branches": 2, "alphas": {"choices": [0, 1]}}
    supernet = Supernet.of(SearchSpace(fields, SCENES))
    steps = stepper(supernet, Recipe(batch=4).plan()[0], task_of(SEGMENTER))
    images = torch.randn(4, 3, 32, 32)
    changed = {}
    for name, target, taught_by in (
        ("other scores", 0, supernet.subnets.largest),
        ("its own scores", 0, supernet.subnets.smallest),
        ("void alone", VOID, supernet.subnets.largest),
    ):
        steps.run, steps.others = (
            supernet.network(taught_by).train(),
            [supernet.network(supernet.subnets.smallest).train()],
        )
        supernet.weights.zero_grad()
        batch = Batch(images, torch.full((4, 32, 32), target))
        steps.after_backward(batch, steps.run(images), 1.0)
        grads = [value.grad.abs().max() for value in supernet.weights.parameters() if value.grad is not None]
        changed[name] = max(grad.item() for grad in grads)
    assert changed["other scores"] > 1e-4 > 1e-6 > changed["its own scores"]
    assert changed["void alone"] == 0


def run(supernet: Supernet, of: ImageTask, folder: Path, kill_at: int = -1) -> dict[str, Tensor]:
    recipe = Recipe(epochs=2, batch=6, lr=1e-2, ema=0.9, evaluate_every=1)
    make = lambda network, t, stage, device, teacher: SandwichStepper(supernet, 1, 8, t, stage, device)  # noqa: E731
    go = partial(
        fit, cast(Network, supernet.weights), of, recipe, seed=1, device=CPU, folder=folder, save_seconds=0.0,
        make_stepper=make,
    )  # fmt: skip
    if kill_at > 0:
        with pytest.raises(Killed):
            go(callback=KillAt(kill_at))
    else:
        go()
    return kept(supernet)


@pytest.mark.slow
def test_a_killed_training_comes_to_the_same_weights(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    of = task()
    whole = run(small(), of, tmp_path / "whole")
    begun = small()
    for step in (1, 2):
        run(begun, of, tmp_path / "killed", kill_at=step)
        begun = small()
    again = run(begun, of, tmp_path / "killed")
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[role], again[role]) for role in whole)
    assert any(not torch.equal(whole[role], value) for role, value in kept(small()).items()), "it has learned"


def test_norms_are_those_of_the_images_and_of_the_network(small_supernet: Supernet) -> None:
    of = task()
    one, other = (small_supernet.network(small_supernet.subnets.largest) for _ in range(2))
    estimate_norms(one, of, 100, CPU)
    torch.manual_seed(5)
    estimate_norms(other, of, 100, CPU)
    first = dict(one.named_buffers())
    for name, value in other.named_buffers():
        assert torch.equal(value, first[name]), "always the same images in the same batches"
    images = of.preprocessing.normalise(
        torch.from_numpy(np.ascontiguousarray(of.train.images)).permute(0, 3, 1, 2).float()
    )
    encoder: Any = one.encoder
    with torch.no_grad():
        written = encoder.level1.conv(images)
    assert torch.allclose(first["encoder.level1.norm.running_mean"], written.mean((0, 2, 3)), atol=1e-4)
    assert not one.training and all(not module.training for module in one.modules())
    estimate_norms(other, of, 4, CPU)
    assert not torch.equal(
        other.state_dict()["encoder.level1.norm.running_mean"], first["encoder.level1.norm.running_mean"]
    )


@pytest.mark.slow
def test_a_space_too_large_to_look_at_each_network_is_covered() -> None:
    fields: dict[str, Any] = {
        "network": "espnet-c", "unit": {"choices": ["esp", "eesp"], "per_level": True},
        "branches": {"choices": [2, 4, 5], "per_level": True}, "width": {"choices": [0.5, 0.75, 1.0]},
        "alphas": {"low": 0, "high": 2, "per_level": True}, "dilated": {"choices": [True, False]},
    }  # fmt: skip
    supernet = Supernet.of(SearchSpace(fields, IMAGES))
    assert supernet.subnets.enumerated is None
    rng = np.random.default_rng(9)
    for spec in (
        supernet.subnets.smallest,
        supernet.subnets.largest,
        *(supernet.subnets.random(rng) for _ in range(30)),
    ):
        assert supernet.network(spec).spec == spec


def test_a_network_of_one_changed_field_is_a_neighbour() -> None:
    found, rng = subnets("espnet segmentation"), np.random.default_rng(0)
    params = found.drawn(rng).params
    other = found.changed(params, rng).params
    assert sum(params[name] != other[name] for name in params) == 1
    assert set(SMALL) <= {"network", *subnets("espnetv2 classification").space.free}
