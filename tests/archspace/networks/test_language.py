"""The language model (ERU): counted as an LSTM's where it is one, causal, cut anywhere without a difference."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from analysis.counts.complexity import count
from archspace.build import build, dead_parameters
from archspace.checkpoint import load, save
from archspace.export.deploy import deployed
from archspace.networks.language_model import LanguageModel
from archspace.networks.recurrence import recur
from archspace.plan import Embedding, Linear, layer_params
from archspace.plan.design import CHANNEL_STEP
from archspace.presets import PRESETS, preset
from archspace.spec.archspec import ArchSpec
from archspace.spec.fields import ACTIVATIONS
from archspace.support.errors import SpecError
from archspace.units.base import LayerModule
from tests.archspace.strategies import with_nearest

SMALL: dict[str, Any] = {
    "network": "eru",
    "width": 0.05,
    "classes": 30,
    "channels": 48,
    "input_size": (12, 1),
}
NAMES = [name for name, p in PRESETS.items() if p.spec.task == "language"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def small(**fields: Any) -> ArchSpec:
    return ArchSpec(**{**SMALL, **fields})


def built(spec: ArchSpec, seed: int = 0) -> LanguageModel:
    torch.manual_seed(seed)
    network = build(spec)
    assert isinstance(network, LanguageModel)
    return network


def lived_in(spec: ArchSpec) -> LanguageModel:
    """In eval mode, with statistics as after training; in double, so that only real differences show."""
    network = built(spec).double()
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 2, generator=generator)
            nn.init.normal_(module.bias, 0, 0.3, generator=generator)
    return network.eval()


def texts(spec: ArchSpec, n: int, length: int, seed: int = 3) -> Tensor:
    return torch.randint(spec.classes, (n, length), generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------ counts

# PRU's README: LSTM of 3 layers, embedding 400; hidden size: millions of parameters.
LSTM = {1000: 19.87, 1200: 25.79, 1400: 32.68}


def lstm_params(hidden: int, words: int = 10_000, wide: int = 400, layers: int = 3) -> int:
    """The language model around ours with LSTM cells (two biases), counted by our own layers."""
    sizes = (wide, *[hidden] * (layers - 1), wide)
    cells = [
        Linear(in_features=inputs, out_features=4 * size, everywhere=True)
        for below, size in pairwise(sizes)
        for inputs in (below, size)
    ]
    head = Linear(in_features=wide, out_features=words, everywhere=True, tied=True)
    return sum(map(layer_params, (Embedding(words=words, channels=wide), *cells, head)))


@pytest.mark.parametrize("hidden", LSTM)
def test_the_same_model_with_lstm_cells_has_the_published_parameters(hidden: int) -> None:
    """What fixes the tied decoder and 400 numbers in the last layer: untied or H there, no row fits."""
    assert round(lstm_params(hidden) / 1e6, 2) == LSTM[hidden]
    torchs = [nn.LSTM(a, b, device="meta") for a, b in pairwise((400, hidden, hidden, 400))]
    counted = sum(p.numel() for lstm in torchs for p in lstm.parameters())
    assert lstm_params(hidden) == counted + 400 * 10_000 + 10_000


def test_the_published_rows_are_those_of_the_facts(shared: Path) -> None:
    with (shared / "facts" / "espnetv2_language.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"].startswith("LSTM")]
    assert {int(row["hidden"]): float(row["params_M"]) for row in rows} == LSTM


def eesp_params(inputs: int, outputs: int, k: int) -> int:
    """Grouped reduce, BN, PReLU; K depth-wise of 3 taps; BN, PReLU; grouped expand, BN."""
    narrow = outputs // k
    return inputs * narrow // k + 3 * narrow + 3 * outputs + 3 * outputs + outputs**2 // k + 2 * outputs


@pytest.mark.parametrize(("layers", "k", "width"), [(3, 4, 1.0), (2, 2, 0.5), (5, 1, 0.3), (3, 8, 1.2)])
def test_an_eru_is_an_lstm_whose_input_transform_is_an_eesp(layers: int, k: int, width: float) -> None:
    spec = ArchSpec("eru", alphas=layers, branches=k, width=width)
    hidden = round(640 * width / 16) * 16
    sizes = (400, *[hidden] * (layers - 1), 400)
    replaced = sum(eesp_params(a, 4 * b, k) - (4 * a * b + 4 * b) for a, b in pairwise(sizes))
    total = count(spec).total
    assert total.params == lstm_params(hidden, layers=layers) + replaced
    conv = sum((a * 4 * b // k // k + 3 * 4 * b + (4 * b) ** 2 // k) for a, b in pairwise(sizes))
    linear = sum(4 * b * b for _, b in pairwise(sizes)) + 400 * 10_000
    assert (total.conv_macs, total.linear_macs, total.deconv_macs) == (70 * conv, 70 * linear, 0)
    assert count(spec.replace(input_size=(1, 1))).macs * 70 == total.macs


# Total parameters; MACs of a sequence of 70 tokens.
PINNED = {"eru-7m": (7_058_560, 491_433_600), "eru-15m": (15_103_744, 1_052_903_040)}


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_the_nearest_to_their_name(name: str) -> None:
    spec, wanted = preset(name).spec, float(name.removeprefix("eru-").removesuffix("m")) * 1e6
    assert (count(spec).params, count(spec).macs) == PINNED[name]
    sizes = [ArchSpec("eru", width=CHANNEL_STEP * step / 640) for step in range(1, 80)]
    assert min((abs(count(s).params - wanted), s.arch_id) for s in sizes)[1] == spec.arch_id


VARIANTS: list[dict[str, Any]] = [
    {}, {"alphas": 2}, {"alphas": 4, "branches": 2}, {"branches": 1}, {"fusion": "none"}, {"dilated": False},
    {"receptive_field": 5}, {"pointwise_kernel": 3}, {"residual": False}, {"activation": "hardswish"},
    {"channels": 32, "residual": True}, {"width": 0.1}, {"pointwise_kernel": 3, "branches": 8},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fields", VARIANTS, ids=str)
def test_a_model_runs_learns_and_costs_what_its_plan_says(fields: dict[str, Any]) -> None:
    spec = small(**fields)
    network = built(spec)
    assert sum(p.numel() for p in network.parameters()) == count(spec).params
    for length in (1, 2, 12, 40):
        with FlopCounterMode(display=False) as counter:
            scores, _ = network(texts(spec, 3, length))
        assert scores.shape == (3, length, 30) and scores.isfinite().all()
        assert counter.get_total_flops() == 2 * 3 * count(spec.replace(input_size=(length, 1))).macs
    (scores * torch.randn_like(scores)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert dead_parameters(network) == frozenset()


# ------------------------------------------------------------------------------ time


@pytest.mark.slow
@given(st.sampled_from(VARIANTS), st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 3))
@settings(max_examples=40)
def test_a_text_cut_into_windows_gives_the_same_outputs(
    fields: dict[str, Any], cuts: list[int], n: int
) -> None:
    network = lived_in(small(**fields))
    tokens = texts(network.spec, n, sum(cuts))
    with torch.no_grad():
        whole, last = network(tokens)
        state, parts = None, []
        for window in tokens.split(cuts, 1):
            scores, state = network(window, state)
            parts.append(scores)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-10)
    for one, other in zip(state, last, strict=True):  # type: ignore[arg-type]
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("fields", [{}, {"pointwise_kernel": 3}, {"fusion": "none"}], ids=str)
def test_no_output_sees_a_later_token_and_all_see_the_earlier_ones(fields: dict[str, Any]) -> None:
    network = lived_in(small(**fields))
    tokens = texts(network.spec, 2, 30)
    changed = tokens.clone()
    changed[0, 11] = (changed[0, 11] + 1) % 30
    with torch.no_grad():
        difference = (network(tokens)[0] - network(changed)[0]).abs().amax(2)
    assert not difference[0, :11].any() and not difference[1].any(), (
        "the past and the other text are untouched"
    )
    assert (difference[0, 11:] > 0).all()


@pytest.mark.parametrize(("fields", "window"), [
    ({}, 9), ({"branches": 2}, 5), ({"dilated": False}, 3), ({"receptive_field": 5}, 5), ({"pointwise_kernel": 3}, 11),
])  # fmt: skip
def test_the_convolutions_see_the_window_of_the_plan(fields: dict[str, Any], window: int) -> None:
    from analysis.fields.theoretical import reaches, receptive_fields, token_windows

    spec = small(**fields)
    assert set(token_windows(spec).values()) == {window}
    assert reaches(spec)["layer1.transform"].spans == ((1 - window, 0),)
    assert [field.side for field in receptive_fields(spec)] == [1, None, None, None, None]
    transform: Any = lived_in(spec).get_submodule("encoder.layer1.transform")
    x = torch.randn(1, 48, 30, 1, dtype=torch.double, requires_grad=True)
    y, _, _ = transform(x, *transform.fresh(x))
    (gradient,) = torch.autograd.grad(y[0, :, 20].sum(), x)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (21 - window, 20)


def test_gradients_reach_back_through_a_state() -> None:
    network = lived_in(small())
    tokens = texts(network.spec, 2, 20)
    table = network.encoder.embed.weight
    (whole,) = torch.autograd.grad(network(tokens)[0][:, -1].sum(), table)
    _, state = network(tokens[:, :13])
    (parts,) = torch.autograd.grad(network(tokens[:, 13:], state)[0][:, -1].sum(), table)
    torch.testing.assert_close(parts, whole)


def test_the_recurrence_is_torchs_lstm_cell() -> None:
    torch.manual_seed(0)
    cell = nn.LSTMCell(5, 4).double()
    x = torch.randn(7, 3, 5, dtype=torch.double)
    h = c = torch.zeros(3, 4, dtype=torch.double)
    f_g_i_o = torch.arange(16).view(4, 4)[[1, 2, 0, 3]].flatten()  # torch has i, f, g, o
    steps = (x @ cell.weight_ih.t() + cell.bias_ih + cell.bias_hh)[..., f_g_i_o]
    ours, last = recur(steps, cell.weight_hh[f_g_i_o], h, c)
    for t in range(7):
        h, c = cell(x[t], (h, c))
        torch.testing.assert_close(ours[t], h)
    torch.testing.assert_close(last, c)
    with torch.no_grad():
        again, _ = recur(steps, cell.weight_hh[f_g_i_o], torch.zeros_like(h), torch.zeros_like(h))
    assert torch.equal(again, ours)


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_has_the_right_gradient(training: bool) -> None:
    """Batch norm gave a wrong one for a gradient of odd strides, which no forward test would see."""
    layer: Any = lived_in(small(width=0.1, channels=16)).get_submodule("encoder.layer2").train(training)
    x = torch.randn(
        1, 64, 5, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    assert torch.autograd.gradcheck(lambda x: layer(x)[0][:, :3], (x,))


def test_the_recurrence_has_the_right_gradient() -> None:
    torch.manual_seed(0)
    shapes = ((5, 3, 8), (8, 2), (3, 2), (3, 2))
    inputs = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(recur, inputs)


def test_the_identity_is_added_to_each_gate_where_it_fits() -> None:
    spec = small(width=0.1, alphas=4)  # 48 -> 64 -> 64 -> 64 -> 48
    layers: Any = [built(spec).get_submodule(f"encoder.layer{n}") for n in range(1, 5)]
    assert [layer.block.option("residual") for layer in layers] == [False, True, True, False]
    layer = layers[1].eval()
    outputs: list[Tensor] = []
    layer.transform.register_forward_hook(lambda *_: (torch.zeros(1, 256, 6, 2), _[2][1], _[2][2]))
    nn.init.zeros_(layer.recurrent.weight)
    nn.init.zeros_(layer.recurrent.bias)
    x = torch.randn(1, 64, 6, 2)
    outputs.append(layer(x)[0])
    cell, wanted = torch.zeros(64, 2), []
    for t in range(6):
        now = x[0, :, t]
        cell = torch.sigmoid(now) * cell + torch.sigmoid(now) * torch.tanh(now)
        wanted.append(torch.sigmoid(now) * torch.tanh(cell))
    torch.testing.assert_close(outputs[0][0], torch.stack(wanted, 1))
    assert small(alphas=2).residual is None, "with two layers no input is as wide as its output"


def test_batch_norms_are_over_texts_and_positions() -> None:
    network = built(small()).train()
    caught: list[Tensor] = []
    norm = network.get_submodule("encoder.layer1.transform.expand.norm")
    norm.register_forward_hook(lambda _, inputs, output: caught.append(output.detach()))
    network(texts(network.spec, 4, 20))
    (y,) = caught
    assert y.shape[2:] == (20, 4)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(y.shape[1]), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.std((0, 2, 3)), torch.ones(y.shape[1]), rtol=0, atol=0.02)


def test_dropout_is_for_training_only() -> None:
    network = built(small()).train()
    tokens = texts(network.spec, 2, 12)
    assert not torch.equal(network(tokens)[0], network(tokens)[0])
    network.eval()
    assert torch.equal(network(tokens)[0], network(tokens)[0])


@pytest.mark.slow
def test_a_model_learns_a_text_that_repeats() -> None:
    network = built(small(width=0.1))
    text = torch.randperm(30, generator=torch.Generator().manual_seed(0))[:10].repeat(4, 5)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(120):
        scores, _ = network(text[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    with torch.no_grad():
        assert (network(text[:, :-1])[0].argmax(2) == text[:, 1:])[:, 9:].float().mean() > 0.95


def test_initial_weights_are_small() -> None:
    network = built(ArchSpec("eru"))
    table = network.encoder.embed.weight.detach()
    assert 0.099 < float(table.abs().max()) <= 0.1
    recurrent: Any = network.requires_grad_(False).get_submodule("encoder.layer2.recurrent")
    assert 0.99 < float(recurrent.weight.abs().max()) * 640**0.5 <= 1
    assert float(recurrent.bias.abs().max()) > 0


# ------------------------------------------------------------------------------ spec


def signature(spec: ArchSpec) -> tuple[object, ...]:
    network = built(spec).eval()
    shapes = tuple((name, tuple(p.shape)) for name, p in network.named_parameters())
    with torch.inference_mode():
        scores, _ = network(network.example() + torch.arange(spec.input_size[0]) % 6)
    return shapes, count(spec).macs, tuple(scores.flatten().tolist())


FLIPS: dict[str, list[Any]] = {
    "width": [0.1], "classes": [31], "channels": [64], "input_size": [(13, 1)], "alphas": [4], "branches": [2],
    "receptive_field": [5, 7], "dilated": [False], "fusion": ["none"], "residual": [False], "pointwise_kernel": [3],
    "activation": [act for act in ACTIVATIONS if act != "prelu"],
}  # fmt: skip


@pytest.mark.parametrize("field", FLIPS)
def test_every_searched_field_changes_the_network(field: str) -> None:
    spec = small()
    for value in FLIPS[field]:
        for changed in (small(**{field: value}), spec.replace(**{field: value})):
            assert changed.arch_id != spec.arch_id
            assert signature(changed) != signature(spec), (field, value)


def test_a_spec_has_what_the_network_honours_and_survives_a_round_trip() -> None:
    spec = ArchSpec("eru")
    none = {name for name in ("downsampling", "reinforcement", "decoder") if getattr(spec, name) is None}
    assert none == {"downsampling", "reinforcement", "decoder"}
    assert (spec.task, spec.unit, spec.branches, spec.alphas) == ("language", ("eesp",), (4,), (3,))
    assert (spec.classes, spec.channels, spec.input_size) == (10_000, 400, (70, 1))
    for fields in VARIANTS:
        spec = small(**fields)
        for again in (ArchSpec.from_json(spec.to_json()), ArchSpec.from_yaml(spec.to_yaml()), spec.replace()):
            assert again == spec and again.arch_id == spec.arch_id
    assert len({small(**fields).arch_id for fields in VARIANTS}) == len(VARIANTS)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input_size": (70, 70)}, "input_size"),
    ({"input_size": 70}, "input_size"), ({"input_size": (0, 1)}, "input_size[0]"),
    ({"channels": 401}, "channels"),
    ({"channels": 8}, "channels"), ({"alphas": 1}, "alphas"), ({"alphas": [0]}, "alphas[0]"),
    ({"branches": 3}, "branches[0]"),
    ({"unit": "esp"}, "unit"), ({"unit": ["resnet"]}, "unit"), ({"classes": 1}, "classes"),
    ({"downsampling": "strided-conv"}, "downsampling"), ({"reinforcement": True}, "reinforcement"),
    ({"decoder": "none"}, "decoder"),
    ({"task": "classification"}, "task"), ({"alphas": 2, "residual": True}, "residual"),
    ({"branches": 1, "dilated": True}, "dilated"), ({"branches": 1, "fusion": "hff"}, "fusion"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "field"), REFUSED, ids=str)
def test_a_refusal_names_a_valid_way_out(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        ArchSpec("eru", **fields)
    assert caught.value.field == field and "\n" not in str(caught.value)
    ArchSpec(**with_nearest({"network": "eru", **fields}, caught.value))


def test_sizes_of_images_and_of_texts_are_not_taken_for_each_other() -> None:
    image = ArchSpec("espnet", width=0.5, classes=7, input_size=(64, 96), activation="relu", channels=4)
    text = image.replace(network="eru")
    assert text == ArchSpec("eru", width=0.5, activation="relu")
    assert small(width=0.5).replace(network="espnetv2") == ArchSpec("espnetv2", width=0.5)


# ------------------------------------------------------------------------------ what is done with a model


@pytest.mark.parametrize(
    ("tokens", "field"),
    [
        (torch.zeros(3, dtype=torch.int64), "tokens.shape"),
        (torch.zeros(1, 0, dtype=torch.int64), "tokens.shape"),
        (torch.zeros(1, 3, 8, 8), "tokens.shape"),
        (torch.zeros(2, 5), "tokens.dtype"),
        (torch.tensor([[3, 30]]), "tokens"),
        (torch.tensor([[-1, 3]]), "tokens"),
    ],
)
def test_what_is_no_text_is_refused(tokens: Tensor, field: str) -> None:
    with pytest.raises(SpecError) as caught:
        built(small()).eval()(tokens)
    assert caught.value.field == field and caught.value.nearest is not None


def test_a_state_of_other_texts_is_refused() -> None:
    network = built(small()).eval()
    _, state = network(texts(network.spec, 3, 4))
    with pytest.raises(SpecError, match=r"tokens\.shape: \(2, 4\): the state is of 3 texts"):
        network(texts(network.spec, 2, 4), state)


def test_a_checkpoint_is_the_same_model(tmp_path: Path) -> None:
    network = lived_in(small(pointwise_kernel=3)).float()
    loaded = load(save(network, tmp_path, notes={"perplexity": 99.5}))
    assert isinstance(loaded, LanguageModel) and loaded.spec == network.spec and not loaded.training
    tokens = texts(network.spec, 2, 15)
    with torch.no_grad():
        assert torch.equal(loaded(tokens)[0], network(tokens)[0])
    assert "head.decoder.bias" in loaded.state_dict() and "head.decoder.weight" not in loaded.state_dict()


def test_the_decoder_is_the_embedding() -> None:
    network = built(small())
    shared = network.encoder.embed.weight
    network(texts(network.spec, 2, 6))[0].sum().backward()
    assert shared.grad is not None and (shared.grad.abs().sum(1) > 0).all(), "each word is scored"


def test_a_folded_model_answers_the_same() -> None:
    network = lived_in(small())
    folded = deployed(network)
    layers = [m for m in folded.modules() if isinstance(m, LayerModule)]
    assert not [m for m in layers if hasattr(m, "conv") and hasattr(m, "norm")]
    tokens = texts(network.spec, 2, 15)
    with torch.no_grad():
        torch.testing.assert_close(folded(tokens)[0], network(tokens)[0])
