"""Comparisons as studies of given networks: ESPNet's modules, the ablations of both papers, any networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from archspace.presets import preset
from archspace.presets.modules import HOST, MODULES
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError, closest
from archspace.support.seeds import check_seeds
from searches.config.parts import Comparison, Given, Step
from searches.config.recipe import Recipe

MODULES_PARTS = tuple(MODULES)
ESPNET_PARTS = ("a", "b", "c", "d", "e", "f", "g")
ESPNETV2_PARTS = ("convolution", "hff", "reinforcement", "schedule")

DEPTH = (2, 3)
"""alpha2 and alpha3 of ESPNet's ablation (poster table: 0.186, 0.187 and 0.202 M parameters)."""
KS = (2, 3, 4, 6, 7, 8)
"""K of table 2(e) beside ESPNet's own 5."""
CYCLE = 5
"""Epochs between the warm restarts of ESPNetv2's schedule; the fixed one falls at one and two thirds of all epochs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The networks of a comparison, and what they are compared for."""

    comparison: Comparison
    given: tuple[Given, ...]

    def repeated(self, seed: int, seeds: int) -> tuple[Given, ...]:
        """Returns every network with ``seeds`` seeds from ``seed`` on, the same for each.

        Checkpoints come as they are, once.

        Raises:
            FieldError: some of them are no seeds.
        """
        check_seeds(seeds, seed)
        networks = []
        for number in range(seeds):
            for one in self.given:
                if one.weights is not None:
                    networks += [one] if number == 0 else []
                    continue
                changes = {"name": f"{one.name} #{number + 1}", "repeat_of": one.name} if number else {}
                networks.append(one.model_copy(update={"seed": seed + number, **changes}))
        return tuple(networks)


def modules(only: Sequence[str] = ()) -> Compared:
    """ESPNet figure 5: eight modules in ESPNet-C, inner widths as :mod:`archspace.presets.modules` derives them."""
    host = preset(HOST).spec
    names = _chosen("--only", only, MODULES_PARTS)
    given = tuple(Given(name=name, spec=MODULES[name].spec(host).to_dict()) for name in names)
    return Compared(Comparison(kind="modules"), given)


def espnet_ablation(parts: Sequence[str] = ()) -> Compared:
    """ESPNet table 2, (a) to (g): what each choice gives, on ESPNet-A unless the table goes on from there."""
    a = "ESPNet-A"
    fields: dict[str, dict[str, Any]] = {
        a: {}, "A, ReLU": {"activation": "relu"}, "A, no residual": {"residual": False},
        "A, strided convolution": {"downsampling": "strided-conv"}, "A, 3x3 reduce": {"pointwise_kernel": 3},
        "A, 3x3 reduce, no dilation": {"pointwise_kernel": 3, "dilated": False},
        **{f"A, K={k}": {"branches": k} for k in KS},
        "ESPNet-B": {"network": "espnet-b"}, "ESPNet-C": {"network": "espnet-c"},
        "ESPNet": {"network": "espnet", "decoder": "espnet-raw"},
    }  # fmt: skip
    steps = [
        ("a", "A, ReLU", a, "PReLU, not ReLU", "ESPNet-A PReLU vs ReLU"),
        ("b", a, "A, no residual", "no residual", "ESPNet-A without residual (skip) in ESP vs with"),
        ("c", "A, strided convolution", a, "strided ESP, not strided convolution",
         "strided ESP vs standard strided conv down-sampling (ESPNet-A)"),
        ("d", a, "A, 3x3 reduce", "3 x 3 reduce, not point-wise",
         "3x3 standard conv instead of point-wise (reduce) in ESP"),
        ("d", "A, 3x3 reduce", "A, 3x3 reduce, no dilation", "plain branches, not dilated",
         "SPC-s (3x3 standard convs) instead of SPC (dilated)"),
        *(("e", a, f"A, K={k}", f"K = {k}, not 5", None) for k in KS),
        ("f", a, "ESPNet-B", "levels concatenated", "ESPNet-A -> ESPNet-B (feature concatenation)"),
        ("f", "ESPNet-B", "ESPNet-C", "input reinforcement", "ESPNet-B -> ESPNet-C (input reinforcement)"),
        ("g", "ESPNet-C", "ESPNet", "light-weight decoder", "ESPNet-C -> ESPNet (light-weight decoder)"),
    ]  # fmt: skip
    chosen = _chosen("--parts", parts, ESPNET_PARTS)
    kept = tuple(
        Step(part=f"table 2({part})", base=base, variant=variant, change=change, published=row)
        for part, base, variant, change, row in steps
        if part in chosen
    )
    given = tuple(
        Given(name=name, spec=_espnet(**changes).to_dict())
        for name, changes in fields.items()
        if any(name in (step.base, step.variant) for step in kept)
    )
    return Compared(Comparison(kind="ablation", paper="espnet", steps=kept), given)


def _espnet(network: str = "espnet-a", **changes: Any) -> ArchSpec:
    return ArchSpec(
        network,
        task="segmentation",
        alphas=DEPTH,
        **{"classes": 20, "input_size": (512, 1024), "branches": 5, **changes},
    )


def espnetv2_ablation(recipe: Recipe, parts: Sequence[str] = (), task: str = "classification") -> Compared:
    """ESPNetv2's ablation, walked from ESP units to the published network, one choice after the other.

    The convolutions become depth-wise dilated ones (EESP units instead of ESP units of the same K), their maps are
    fused hierarchically (HFF), the image reinforces the features, and a cyclic schedule takes the place of a fixed
    one. The fixed schedule divides the rate by ten at one and at two thirds of the training; the cyclic one
    has the same largest rate.
    """
    base = ArchSpec("espnetv2", task=task)
    epochs = max(stage.epochs for stage in recipe.plan())
    fixed = {"schedule": "step", "step_every": max(1, -(-epochs // 3)), "gamma": 0.1, "warmup": 0.0}
    lr = recipe.plan()[-1].lr
    cyclic = {"schedule": "cyclic", "cycle": min(CYCLE, epochs), "lr": lr / min(CYCLE, epochs), "warmup": 0.0}
    walk: list[tuple[str, str, dict[str, Any], dict[str, Any], str, str | None]] = [
        ("", "ESP units", {"unit": "esp", "branches": 4, "fusion": "none", "reinforcement": False}, fixed, "", None),
        ("convolution", "EESP units", {"fusion": "none", "reinforcement": False}, fixed,
         "depth-wise dilated (EESP), not dilated convolutions (ESP)",
         "EESP instead of ESP (240 channels, g = K = 4)"),
        ("hff", "+ HFF", {"reinforcement": False}, fixed, "hierarchical feature fusion", None),
        ("reinforcement", "+ reinforcement", {}, fixed, "input reinforcement", None),
        ("schedule", "+ cyclic schedule", {}, cyclic, "cyclic schedule with warm restarts",
         "cyclic LR with warm restarts"),
    ]  # fmt: skip
    chosen = _chosen("--parts", parts, ESPNETV2_PARTS)
    steps = tuple(
        Step(part=part, base=before[1], variant=name, change=change, published=row)
        for before, (part, name, _, _, change, row) in pairwise(walk)
        if part in chosen
    )
    given = tuple(
        Given(name=name, spec=base.replace(**changes).to_dict(), training=training)
        for _, name, changes, training, _, _ in walk
        if any(name in (step.base, step.variant) for step in steps)
    )
    return Compared(Comparison(kind="ablation", paper="espnetv2", steps=steps), given)


def networks(names: Sequence[str], task: str | None = None) -> Compared:
    """Any networks: presets, spec files and trials (``RUN:N``, ``RUN:knee``) are trained alike; what has weights of its
    own (a checkpoint, a training or export folder, a published file) is evaluated.

    A trial's own weights are not used, as it was trained by another recipe; to have them, name its weights file.

    Raises:
        InputError: fewer than two, one twice, or a name is of nothing.
    """
    if len(names) < 2:
        raise InputError("compare networks: needs two networks or more; presets: archspace presets")
    given = []
    for name in names:
        spec, weights = _network(name)
        if task is not None and weights is None and spec.task != task:
            spec = spec.replace(task=task)
        given.append(Given(name=name, spec=spec.to_dict(), weights=weights))
    return Compared(Comparison(kind="networks"), tuple(given))


def _network(name: str) -> tuple[ArchSpec, Path | None]:
    """The spec that a name stands for, and the weights where they are to be evaluated."""
    named = find_network(name, field="NETWORK")
    assert named.spec is not None
    evaluated = named.weights is not None and named.form != "trial"
    return named.spec, named.weights.resolve() if evaluated and named.weights else None


def _chosen(option: str, words: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The known names among which ``words`` chooses, in their own order; all if it is empty.

    Raises:
        FieldError: a word is none of them.
    """
    lower = {name.lower(): name for name in known}
    for word in words:
        if word.lower() not in lower:
            raise FieldError(option, word, "unknown part of the comparison", closest(word, list(known)))
    wanted = {word.lower() for word in words}
    return tuple(name for key, name in lower.items() if not wanted or key in wanted)
