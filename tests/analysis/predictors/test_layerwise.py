"""On a device whose true times are known: right where calibrated, refused elsewhere, the same after JSON."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from analysis.counts.complexity import count
from analysis.predictors.layerwise import Layerwise, Unseen, fit
from analysis.predictors.pieces import NUMBERS, pieces_of
from analysis.predictors.scores import scores
from analysis.predictors.spaces import DEFAULT_SPACE, random_specs
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from tests.analysis.predictors.devices import KnownDevice, observed, true_time

SPACE = {
    **DEFAULT_SPACE,
    "unit": {"choices": ["esp", "eesp", "mobilenet", "resnet"]},
    "width": {"choices": [0.5, 0.75, 1.0]},
}


def networks(count: int, seed: int) -> list[ArchSpec]:
    return list(islice(random_specs(SPACE, seed), count))


@pytest.fixture(scope="module")
def fitted() -> tuple[Layerwise, Layerwise]:
    return fit(observed(KnownDevice(), networks(120, 0)))


@pytest.mark.slow
def test_whole_random_networks_are_predicted_within_a_few_percent(
    fitted: tuple[Layerwise, Layerwise],
) -> None:
    fitted_ids = {spec.arch_id for spec in networks(120, 0)}
    specs = [spec for spec in networks(60, 1) if spec.arch_id not in fitted_ids]
    assert len(specs) > 30
    true = [sum(map(true_time, pieces_of(spec))) for spec in specs]
    result = scores(true, [fitted[0](spec).time for spec in specs])
    assert result["hit_5"] == 1.0 and result["rmspe"] < 0.02, result
    assert result["spearman"] > 0.99
    assert abs(result["median_ratio"] - 1) < 0.01  # the clocks inside a run are taken out
    blind = scores(true, [fitted[1](spec).time for spec in specs])
    assert blind["hit_10"] > 0.85 and blind["rmspe"] < 0.10, blind
    assert blind["rmspe"] > result["rmspe"]


@pytest.mark.slow
def test_what_was_met_is_looked_up_and_the_rest_regressed(fitted: tuple[Layerwise, Layerwise]) -> None:
    assert fitted[0](networks(120, 0)[0]).looked_up == 1.0
    left_out = 0.75
    other = [spec for spec in networks(80, 0) if spec.width != left_out]
    model, _ = fit(observed(KnownDevice(), other))
    spec = ArchSpec("espnet-c", classes=8, input_size=(96, 128), width=left_out, alphas=[1, 2])
    answer = model(spec)
    assert 0 < answer.looked_up < 0.8
    assert answer.time == pytest.approx(sum(map(true_time, pieces_of(spec))), rel=0.25)
    assert answer.time == pytest.approx(sum(answer.pieces.values()))
    assert list(answer.pieces) == [piece.path for piece in pieces_of(spec)]


def test_the_model_survives_json_exactly(fitted: tuple[Layerwise, Layerwise]) -> None:
    text = json.dumps(fitted[0].to_dict(), allow_nan=False)
    again = Layerwise.from_dict(json.loads(text))
    for spec in networks(5, 5):
        assert again(spec) == fitted[0](spec)
        piece = pieces_of(spec)[-1:]
        assert list(again.regressor(piece)) == list(fitted[0].regressor(piece))


@pytest.mark.parametrize(
    ("changes", "layer", "reason"),
    [
        ({"unit": "shufflenetv2"}, "encoder.level2", "shufflenetv2: was never calibrated; calibrated: "),
        ({"activation": "relu"}, "encoder.level1", "relu: was never calibrated"),
        ({"input_size": [192, 256]}, "the network", "reads a map of 192x256; calibrated: 96x128"),
        ({"width": 2.5}, "encoder", "channels; calibrated: "),
    ],
)
def test_units_operators_maps_and_channels_never_met_are_refused(
    fitted: tuple[Layerwise, Layerwise], changes: dict[str, object], layer: str, reason: str
) -> None:
    spec = ArchSpec(
        "espnet-c", task="segmentation", classes=8, input_size=(96, 128), width=1.0, alphas=[1, 1]
    )
    fitted[0](spec)
    with pytest.raises(Unseen) as refused:
        fitted[0](spec.replace(**changes))
    message = str(refused.value)
    assert message.startswith(layer) and reason in message and "\n" not in message


def test_a_dilation_that_was_never_met_is_refused_by_name(fitted: tuple[Layerwise, Layerwise]) -> None:
    spec = ArchSpec(
        "espnet-c", classes=8, input_size=(96, 128), unit="esp", branches=8, width=1.0, alphas=[1, 1]
    )
    with pytest.raises(
        Unseen, match=r"^encoder\.level2\.down\.branches\.5: dense 3x3 convolution .*dilation 32: was"
    ):
        fitted[0](spec)


def test_too_little_to_fit_is_said() -> None:
    with pytest.raises(InputError, match=r"3 timed networks; needs at least 8: give it more minutes"):
        fit(observed(KnownDevice(), networks(3, 0)))


@pytest.mark.parametrize("name", [name for name in sorted(PRESETS) if PRESETS[name].spec.task != "language"])
def test_the_pieces_of_every_network_hold_all_its_macs(name: str) -> None:
    spec = PRESETS[name].spec
    pieces = pieces_of(spec)
    macs = sum(value for p in pieces for value in p.numbers[NUMBERS.index("dense_1x1") : 9])
    axis = [p for p in pieces if any(name == "axisconv" for _, name in p.operators)]
    assert len({piece.path for piece in pieces}) == len(pieces)
    if not axis:
        assert macs == count(spec).macs
    assert sum(value < 0 for p in pieces for value in p.numbers) == 0


def test_pieces_are_the_same_wherever_they_stand() -> None:
    """Units at two places of one level, and of two networks that differ in epsilon only, share a time."""
    spec = ArchSpec("espnet-c", classes=8, input_size=(96, 128), alphas=[2, 3])
    keys = {p.path: p.key for p in pieces_of(spec)}
    assert keys["encoder.level3.units.0"] == keys["encoder.level3.units.2"]
    assert keys["encoder.level2.units.0"] != keys["encoder.level3.units.0"]
    fewer = {p.path: p.key for p in pieces_of(spec.replace(alphas=[1, 1]))}
    assert fewer["encoder.level3"] == keys["encoder.level3"]  # its shell is the same with one unit or three
    larger = {p.path: p.key for p in pieces_of(spec.replace(input_size=[64, 64]))}
    assert not set(larger.values()) & set(keys.values())


def test_random_networks_are_of_the_space_and_repeat() -> None:
    first, again = (
        [s.arch_id for s in islice(random_specs(DEFAULT_SPACE, 3), 40)],
        [s.arch_id for s in islice(random_specs(DEFAULT_SPACE, 3), 40)],
    )
    assert first == again and len(set(first)) > 35
    specs = list(islice(random_specs(DEFAULT_SPACE, 3), 40))
    assert {s.network for s in specs} == {"espnet-b", "espnet-c", "espnet", "espnetv2"}
    assert {s.width for s in specs} <= {0.25, 0.5, 0.75, 1.0, 1.25} and any(
        len(set(s.unit)) > 1 for s in specs
    )
    assert max(max(s.alphas) for s in specs) == 4 and np.ptp([len(s.alphas) for s in specs]) == 1


@pytest.mark.parametrize(
    ("space", "rule"),
    [
        ({"network": "espnet", "heigth": 3}, "space.heigth: 3: unknown field"),
        ({"network": "espnet", "width": {"low": 0.5}}, "space.width: .* needs choices, or low and high"),
        ({"network": "espnet", "width": {"lo": 0.5}}, "space.width.lo: 0.5: unknown key"),
        ({"width": 1.0}, "space.network: None"),
        ({"network": "espnett"}, "network: 'espnett'"),
    ],
)
def test_a_wrong_space_is_refused_in_one_line(space: dict[str, object], rule: str) -> None:
    from analysis.predictors.spaces import check_space

    with pytest.raises(FieldError, match=rule):
        check_space(space)
