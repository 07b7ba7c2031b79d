"""Derived integers alone, each against its closed form or the published table."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspace.plan import (
    NETWORKS,
    AxisConv,
    Block,
    Conv,
    Deconv,
    Layer,
    Linear,
    NormAct,
    UnitRequest,
    branch_widths,
    count_block,
    count_layer,
    draw_unit,
    placed_layers,
    stage_channels,
)
from archspace.plan.nodes import Size
from archspace.plan.request import UNITS, doubling_rates, limited_rates, linear_rates
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError
from tests.commands import python

# ESPNetv2, table 1 (scale 1.75: fifth column of the figure); levels 1 to 5, the last point-wise convolution.
ESPNETV2_CHANNELS = {
    0.5: (16, 32, 64, 128, 256, 1024),
    1.0: (32, 64, 128, 256, 512, 1024),
    1.25: (32, 80, 160, 320, 640, 1024),
    1.5: (32, 96, 192, 384, 768, 1024),
    1.75: (32, 112, 224, 448, 896, 1280),
    2.0: (32, 128, 256, 512, 1024, 1280),
}


def convs(block: Block) -> list[Conv]:
    """Every convolution of ``block`` in running order."""
    return [placed.layer for placed in placed_layers(block) if isinstance(placed.layer, Conv)]


def request(
    inputs: int, outputs: int, stride: int, k: int | None, pointwise: int = 1, residual: bool = True
) -> UnitRequest:
    return UnitRequest(
        in_channels=inputs, out_channels=outputs, stride=stride, branches=k, pointwise_kernel=pointwise,
        residual=residual,
    )  # fmt: skip


def dilations(block: Block) -> tuple[int, ...]:
    """Dilations of the branches of a unit."""
    part = block.part("branches")
    assert isinstance(part, tuple)
    return tuple(branch.dilation for branch in part if isinstance(branch, Conv))


@pytest.mark.parametrize("scale", ESPNETV2_CHANNELS)
def test_espnetv2_has_the_published_channels(scale: float) -> None:
    spec = ArchSpec("espnetv2", width=scale)
    encoder = spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    drawn = tuple(node.out_channels for _, node in encoder.items() if isinstance(node, Block | Conv))
    assert drawn == ESPNETV2_CHANNELS[scale]
    assert NETWORKS["espnetv2"].channels(scale, "classification") == ESPNETV2_CHANNELS[scale][:5]


@pytest.mark.parametrize("network", ["espnet-a", "espnet-b", "espnet-c", "espnet"])
def test_espnet_has_the_published_channels(network: str) -> None:
    assert NETWORKS[network].channels(1.0, "segmentation") == (16, 64, 128)


# Channels of levels 1 to 5 and of the last convolution (DiCENet: of the classifier).
# DiCENet at 0.5 and 1.0: shapes of the released weights. ShuffleNetV2 from 0.5 on: its paper, table 5.
SHUFFLED_CHANNELS = {
    ("dicenet", 0.2): (16, 16, 32, 64, 128, 1024),
    ("dicenet", 0.5): (24, 24, 48, 96, 192, 1024),
    ("dicenet", 0.75): (24, 24, 86, 172, 344, 1024),
    ("dicenet", 1.0): (24, 24, 116, 232, 464, 1024),
    ("dicenet", 1.25): (24, 24, 144, 288, 576, 1024),
    ("dicenet", 1.5): (24, 24, 176, 352, 704, 1024),
    ("dicenet", 1.75): (24, 24, 210, 420, 840, 1024),
    ("dicenet", 2.0): (24, 24, 244, 488, 976, 1024),
    ("shufflenetv2", 0.1): (8, 8, 16, 32, 64, 512),
    ("shufflenetv2", 0.5): (24, 24, 48, 96, 192, 1024),
    ("shufflenetv2", 1.0): (24, 24, 116, 232, 464, 1024),
    ("shufflenetv2", 1.5): (24, 24, 176, 352, 704, 1024),
    ("shufflenetv2", 2.0): (24, 24, 244, 488, 976, 2048),
}


@pytest.mark.parametrize(("network", "scale"), SHUFFLED_CHANNELS)
def test_dicenet_and_shufflenetv2_have_the_published_channels(network: str, scale: float) -> None:
    plan = ArchSpec(network, width=scale).plan
    encoder, head = plan.part("encoder"), plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    drawn = [node for _, node in (*encoder.items(), *head.items()) if isinstance(node, Block | Conv)]
    assert tuple(node.out_channels for node in drawn[:-1]) == SHUFFLED_CHANNELS[network, scale]


@given(st.sampled_from(["dicenet", "shufflenetv2"]), st.floats(0.01, 8), st.floats(0.01, 8))
def test_their_channels_never_shrink_as_the_width_grows(network: str, one: float, other: float) -> None:
    narrow, wide = (NETWORKS[network].channels(w, "classification") for w in sorted((one, other)))
    assert all(a <= b for a, b in zip(narrow, wide, strict=True))
    for first, second, third, fourth, fifth in (narrow, wide):
        assert first == second >= 8 and first % 2 == 0 and third % 2 == 0
        assert third >= 2 * first and fourth == 2 * third and fifth == 2 * fourth


def test_between_published_widths_channels_follow_a_line() -> None:
    channels = NETWORKS["dicenet"].channels
    assert channels(1.125, "classification")[2] == 130  # half-way between 116 and 144
    assert channels(3.0, "classification")[2] == 244 + 4 * (244 - 210)
    assert channels(0.1, "classification") == (8, 8, 16, 32, 64)


def level_channels(spec: ArchSpec) -> dict[str, list[tuple[int, int]]]:
    """Channels that the downsampler and the units of each level read and write."""
    encoder = spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    channels = {}
    for name, level in encoder.items():
        if isinstance(level, Block) and level.kind == "dicenet-level":
            nodes = [node for _, node in level.items() if isinstance(node, Block | Conv)]
            channels[name] = [(node.in_channels, node.out_channels) for node in nodes]
    return channels


@pytest.mark.parametrize("downsampling", ["strided-unit", "strided-conv"])
@pytest.mark.parametrize("network", ["dicenet", "shufflenetv2"])
def test_a_strided_unit_doubles_and_the_next_unit_goes_to_the_levels_channels(
    network: str, downsampling: str
) -> None:
    spec = ArchSpec(network, downsampling=downsampling)
    assert level_channels(spec) == {
        "level3": [(24, 48), (48, 116), (116, 116), (116, 116)],
        "level4": [(116, 232)] + [(232, 232)] * 7,
        "level5": [(232, 464)] + [(464, 464)] * 3,
    }
    alone = level_channels(spec.replace(alphas=0))
    assert alone == {"level3": [(24, 116)], "level4": [(116, 232)], "level5": [(232, 464)]}


def test_dice_has_a_filter_for_each_row_and_column_of_a_map_of_224_pixels() -> None:
    sides = []
    for size in ((224, 224), (64, 96)):
        plan = ArchSpec("dicenet", input_size=size).plan
        layers = [p for p in placed_layers(plan) if isinstance(p.layer, AxisConv)]
        assert len(layers) == 2 * 16
        sides.append([(p.path.split(".")[1], p.at, p.layer.side, p.layer.axis) for p in layers])
        assert set(sides[-1]) == {
            (level, at, side, axis)
            for level, at, side in (("level3", 8, 28), ("level4", 16, 14), ("level5", 32, 7))
            for axis in ("height", "width")
        }
    assert sides[0] == sides[1]


bases = st.lists(st.integers(1, 64), min_size=1, max_size=6).map(
    lambda steps: tuple(sorted({16 * s for s in steps}))
)
widths = st.floats(0, 100, exclude_min=True)


@given(bases, widths, st.sampled_from([None, 16, 32, 64]))
def test_stage_channels_are_growing_multiples_of_16(
    base: tuple[int, ...], width: float, cap: int | None
) -> None:
    channels = stage_channels(base, width, cap)
    assert len(channels) == len(base)
    assert all(isinstance(c, int) and c % 16 == 0 and c >= 16 for c in channels)
    assert all(after - before >= 16 for before, after in pairwise(channels))
    assert cap is None or channels[0] <= cap


@given(bases, widths, widths)
def test_stage_channels_never_shrink_as_the_width_grows(
    base: tuple[int, ...], one: float, other: float
) -> None:
    low, high = stage_channels(base, min(one, other)), stage_channels(base, max(one, other))
    assert all(a <= b for a, b in zip(low, high, strict=True))


@given(bases)
def test_width_1_leaves_channels_as_they_are(base: tuple[int, ...]) -> None:
    assert stage_channels(base, 1.0) == base


def test_stage_channels_round_half_up() -> None:
    assert stage_channels((16, 64), 1.5) == (32, 96)  # 24 lies half-way between 16 and 32
    assert stage_channels((16, 64), 1.49) == (16, 96)


def test_branch_widths_are_those_of_the_released_code() -> None:
    assert branch_widths(64, 5) == (16, 12, 12, 12, 12)
    assert branch_widths(128, 5) == (28, 25, 25, 25, 25)
    assert branch_widths(20, 5) == (4, 4, 4, 4, 4)
    assert branch_widths(12, 5) == (4, 2, 2, 2, 2)


@given(st.integers(1, 2000), st.integers(1, 64))
def test_branch_widths_add_up_and_only_the_first_takes_the_rest(channels: int, k: int) -> None:
    parts = branch_widths(channels, k)
    assert sum(parts) == channels and len(parts) == k
    assert set(parts[1:]) <= {channels // k}
    assert parts[0] - channels // k == channels % k


@pytest.mark.parametrize(
    ("limit", "rates"),
    [(None, (1, 2, 3, 4)), (13, (1, 2, 3, 4)), (11, (1, 2, 3, 4)), (9, (1, 2, 3, 4)), (7, (1, 1, 2, 3)),
     (5, (1, 1, 1, 2)), (3, (1, 1, 1, 1))],
)  # fmt: skip
def test_limits_of_the_released_espnetv2_code(limit: int | None, rates: tuple[int, ...]) -> None:
    assert limited_rates(linear_rates(4), limit) == rates


@given(st.integers(1, 9), st.integers(1, 60).map(lambda n: 2 * n + 1), st.booleans(), st.booleans())
def test_limited_rates_keep_their_number_their_order_and_the_limit(
    k: int, limit: int, doubles: bool, on: bool
) -> None:
    rates = doubling_rates(k) if doubles else linear_rates(k)
    limited = limited_rates(rates, limit, on)
    assert len(limited) == k and list(limited) == sorted(limited)
    assert all(2 * d + 1 <= limit for d in limited)
    if on:
        assert {d for d in rates if 2 * d + 1 <= limit} == set(limited)
    else:
        assert set(limited) == {1}


@pytest.mark.parametrize("k", range(1, 9))
@pytest.mark.parametrize("n", [3])
def test_effective_receptive_field_of_esp(k: int, n: int) -> None:
    """ESPNet section 3.1: (n - 1) 2^(K-1) + 1 pixels a side; table 2(e) has 5, 9, ..., 257 for K = 2 to 8."""
    block = draw_unit("esp", request(64, 64, 1, k))
    sides = [(conv.kernel - 1) * conv.dilation + 1 for conv in convs(block)]
    assert max(sides) == (n - 1) * 2 ** (k - 1) + 1
    assert dilations(block) == tuple(2**i for i in range(k))


# Level, stride: dilations at the published limits (released code; 9 is the largest kernel of K = 4).
ESPNETV2_DILATIONS = {
    ("level2", 2): (1, 2, 3, 4),
    ("level3", 2): (1, 2, 3, 4),
    ("level3", 1): (1, 2, 3, 4),
    ("level4", 2): (1, 2, 3, 4),
    ("level4", 1): (1, 1, 2, 3),
    ("level5", 2): (1, 1, 2, 3),
    ("level5", 1): (1, 1, 1, 2),
}


@pytest.mark.parametrize("task", ["classification", "multilabel", "segmentation"])
def test_espnetv2_has_the_published_dilations(task: str) -> None:
    encoder = ArchSpec("espnetv2", task=task).plan.part("encoder")
    assert isinstance(encoder, Block)
    by_level: dict[tuple[str, int], tuple[int, ...]] = {}
    repeats = {}
    for name, level in encoder.items():
        if not isinstance(level, Block) or level.kind != "espnetv2-level":
            continue
        down, units = level.part("down"), level.part("units")
        assert isinstance(down, Block) and isinstance(units, tuple)
        strided = down.part("unit")
        assert isinstance(strided, Block)
        by_level[name, 2] = dilations(strided)
        repeats[name] = len(units)
        for unit in units:
            assert isinstance(unit, Block)
            assert by_level.setdefault((name, 1), dilations(unit)) == dilations(unit)
    levels = {name for name, _ in by_level}
    assert by_level == {key: rates for key, rates in ESPNETV2_DILATIONS.items() if key[0] in levels}
    published = {"level2": 0, "level3": 3, "level4": 7, "level5": 3}
    assert repeats == {name: published[name] for name in levels}
    assert ("level5" in levels) == (task != "segmentation")


def dice_params(c: int, side: int) -> int:
    """Three filters, BN + PReLU of 3C, grouped merge and 3 x 3 with BN + PReLU, the gate."""
    return 9 * c + 2 * 9 * side + 9 * c + (3 * c + 3 * c) + (9 * c + 3 * c) + 2 * c * max(1, c // 4)


def closed_form(
    unit: str, m: int, n: int, stride: int, k: int, pointwise: int = 1, residual: bool = True
) -> int:
    """Parameters of a unit from M to N channels: BN has 2 a channel, PReLU 1."""
    projects = residual and (stride == 2 or m != n)
    shortcut = m * n + 2 * n if projects else 0
    if unit == "esp":  # reduce, K branches of n^2 weights on N/K channels, one BN + PReLU
        kernel = 9 if stride == 2 else pointwise**2
        return (n // k) * (m * kernel + 9 * n) + 3 * n
    if unit == "eesp":
        d = n // k
        groups = k if m % k == 0 and d % k == 0 else 1
        return m * d * pointwise**2 // groups + 3 * d + 9 * n + 3 * n + n * n // k + 2 * n + n
    if unit == "mobilenet":  # M (n^2 + N)
        return m * (9 + n) + 3 * m + 3 * n
    if unit == "mobilenetv2":
        return 6 * m * (m + 9 + n) + 36 * m + 2 * n
    if unit == "shufflenet":
        b = n // 4
        first = k if m % k == 0 else 1
        return m * b // first + 9 * b + b * n // k + 3 * b + 2 * b + 3 * n
    if unit == "dice":
        if stride == 1:
            passed = min(m, n) // 2
            r = n - passed
            return (m - passed) * r + 3 * r + dice_params(r, 28)
        h = n // 2
        return 12 * m + m * h + 3 * h + dice_params(m, 14) + m * h + 3 * h
    if unit == "shufflenetv2":
        h = n // 2
        if stride == 1:
            passed = min(m, n) // 2
            r = n - passed
            return (m - passed) * r + r * r + 9 * r + 8 * r
        return (m * h + 9 * h + h * h + 8 * h) + (9 * m + 2 * m + m * h + 3 * h)
    if unit == "resnet":
        return 9 * m * n + 9 * n * n + 6 * n + shortcut
    if unit == "resnext":
        b = n // 2
        return m * b + 9 * b * b // k + b * n + 6 * b + 3 * n + shortcut
    down_own = n - m if n > m else n  # 3 x 3 with bias; BN and slopes of all
    down = 9 * m * down_own + down_own + 3 * n
    if unit in (
        "fcu",
        "non-bottleneck-1d",
    ):  # two pairs of side x n^2 and bias; 3 slopes inside, 1 at the end
        side = 5 if unit == "fcu" else 3
        first = down if stride == 2 else side * m * n + side * n * n + 2 * n + 4 * n
        return first + 2 * side * n * n + 2 * n + 3 * n + n
    if unit == "pfcu":  # a first pair, three pairs with slopes inside, one BN, slopes at the end
        first = down if stride == 2 else 3 * m * n + 3 * n * n + 2 * n + 4 * n
        return first + 3 * (6 * n * n + 2 * n + n) + 2 * n + n
    if unit == "enet":  # 1 x 1 (2 x 2) to a quarter, 3 x 3, 1 x 1; slopes inside twice and at the end
        b = n // 4
        narrows = m * n + 2 * n if projects and n < m else 0
        return stride**2 * m * b + 9 * b * b + b * n + 6 * b + 2 * n + n + narrows
    if unit == "fpe":  # M to 4 N (what K divides), its 3 x 3, N; BN and slopes after each
        w = k * round(4 * n / k)
        return m * w + 3 * w + 9 * w + 3 * w + w * n + 3 * n
    if (
        unit == "dab"
    ):  # BN + PReLU first, 3 x 3 to a half, two pairs of 3 h and BN + PReLU each, BN + PReLU, 1 x 1
        h = n // 2
        return 3 * m + 9 * m * h + 3 * h + 2 * 2 * 6 * h + 3 * h + h * n
    if unit == "depthwise-1d":  # a pair (or a 3 x 3) of M, 1 x 1, a pair of N, 1 x 1, slopes
        return (9 if stride == 1 else 12) * m + m * n + 3 * n + 9 * n + n * n + 2 * n + n
    if (
        unit == "cg"
    ):  # reduce, two depth-wise 3 x 3, BN + PReLU of both, a gate of 8; strided: all N wide, projected
        h = n // 2 if stride == 1 else n
        reduce = m * h * (1 if stride == 1 else 9) + 3 * h
        return reduce + 18 * h + 6 * h + (2 * h * n if stride == 2 else 0) + 8 * n + 8 + 8 * n + n
    if (
        unit == "eda"
    ):  # 1 x 1 to g, a pair (strided: a 3 x 3), a pair, BN and slopes after each; the rest is the input
        g = n - m if n > m else n // 4
        return m * g + (6 if stride == 1 else 9) * g * g + 6 * g * g + 9 * g
    if (
        unit == "pct"
    ):  # half of M: 3 x 3, two depth-wise 3 x 3, BN and slopes after each and after their sum; 1 x 1 to N
        c = (m + 1) // 2
        return 9 * c * c + 18 * c + 4 * 3 * c + m * n + 3 * n
    if unit == "inception":
        b = n // k
        return k * (m * b + 3 * b) + 9 * b * n + 3 * n
    assert unit == "asp"
    return k * m * n * 9 + 3 * n


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("m", "n", "stride"),
    [(64, 64, 1), (128, 128, 1), (64, 128, 1), (128, 64, 1), (64, 64, 2), (19, 64, 2), (131, 128, 2)],
)
@pytest.mark.parametrize("residual", [True, False])
def test_parameters_of_a_unit(unit: str, m: int, n: int, stride: int, residual: bool) -> None:
    ks = (
        [None]
        if UNITS[unit].branches is None
        else [1, 2, 4, *([3, 5, 7] if unit in ("esp", "asp", "inception") else [])]
    )
    for k in ks:
        block = draw_unit(unit, request(m, n, stride, k, residual=residual))
        assert count_block(block, (16, 16)).params == closed_form(
            unit, m, n, stride, k or 0, residual=residual
        ), k


@pytest.mark.parametrize("unit", ["esp", "eesp"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_pointwise_kernel_of_3_reduces_with_a_standard_convolution(unit: str, stride: int) -> None:
    block = draw_unit(unit, request(64, 64, stride, 4, pointwise=3))
    assert convs(block)[0].kernel == 3
    assert count_block(block, (16, 16)).params == closed_form(unit, 64, 64, stride, 4, pointwise=3)


def test_one_esp_unit_by_hand() -> None:
    """64 channels, K = 5: 64 x 12 reduce, 12 x 9 x (16 + 4 x 12) branches, 3 x 64 norm and activation."""
    block = draw_unit("esp", request(64, 64, 1, 5))
    count = count_block(block, (10, 6))
    assert count.params == 768 + 6912 + 192
    assert count.conv_macs == (768 + 6912) * 60
    assert count.activations == (12 + 64) * 60


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_without_its_last_activation_has_no_live_slopes_there(unit: str) -> None:
    k = UNITS[unit].branches
    on, off = (
        count_block(
            draw_unit(
                unit,
                UnitRequest(
                    in_channels=64, out_channels=64, stride=2, branches=k, act=act, activate=activate
                ),
            ),
            (16, 16),
        )
        for act, activate in (("prelu", True), ("prelu", False))
    )
    lost = (on.params - on.dead_params) - (off.params - off.dead_params)
    own = {**dict.fromkeys(("mobilenetv2", "shufflenetv2", "dice", "dab", "cg"), 0), "eda": 16}
    assert lost == own.get(unit, 64)


@pytest.mark.parametrize(
    ("layer", "at", "params", "macs", "activations"),
    [
        (
            Conv(in_channels=3, out_channels=16, kernel=3, stride=2, norm=1e-3, act="prelu"),
            1,
            432 + 48,
            432 * 77,
            1232,
        ),
        (Conv(in_channels=8, out_channels=8, kernel=3, groups=8, dilation=4), 2, 72, 72 * 77, 616),
        (Conv(in_channels=8, out_channels=4, groups=2, bias=True, act="relu"), 4, 16 + 4, 16 * 24, 96),
        (Conv(in_channels=5, out_channels=7), 0, 35, 35, 7),
        (Conv(in_channels=2, out_channels=2, kernel=3, groups=2, scale=0.1, least=5), 1, 18, 18 * 25, 50),
        (
            Conv(in_channels=2, out_channels=2, kernel=3, groups=2, scale=1.5, least=5),
            1,
            18,
            18 * 20 * 32,
            1280,
        ),
        (Deconv(in_channels=6, out_channels=4, norm=1e-3, act="prelu"), 8, 96 + 12, 24 * 24, 96),
        (Linear(in_features=10, out_features=3), 0, 33, 30, 3),
        (NormAct(channels=9, norm=1e-5, act="prelu"), 2, 27, 0, 0),
        (NormAct(channels=9, act="relu"), 2, 0, 0, 0),
    ],
)
def test_one_layer_by_hand(layer: Layer, at: int, params: int, macs: int, activations: int) -> None:
    """On an image of 13 x 21; a map at stride 2 has 7 x 11, at stride 4 has 4 x 6, at stride 8 has 2 x 3."""
    count = count_layer(layer, (13, 21), at)
    assert (count.params, count.macs, count.activations) == (params, macs, activations)
    assert count.dead_params == 0
    assert count.half_biases == (48 if isinstance(layer, Conv) and layer.bias else 0)


def test_a_dead_layer_holds_parameters_and_does_nothing() -> None:
    count = count_layer(Conv(in_channels=3, out_channels=4), (8, 8), dead=True)
    assert (count.params, count.dead_params, count.macs, count.activations) == (12, 12, 0, 0)


@given(st.integers(8, 70), st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_a_strided_map_rounds_up_step_by_step(side: int, at: int) -> None:
    from archspace.plan.nodes import map_size

    size: Size = (side, side)
    step = size
    for _ in range(at.bit_length() - 1):
        step = (-(-step[0] // 2), -(-step[1] // 2))
    assert map_size(size, at) == step


@pytest.mark.parametrize("unit", [name for name, design in UNITS.items() if design.branches is not None])
def test_a_k_that_does_not_fit_proposes_one_that_does(unit: str) -> None:
    refused = 0
    for k in range(1, 80):
        try:
            draw_unit(unit, request(48, 48, 1, k))
        except SpecError as error:
            refused += 1
            assert error.value == k and isinstance(error.nearest, int)
            draw_unit(unit, request(48, 48, 1, error.nearest))
    assert refused


def test_a_monstrous_k_is_refused_at_once() -> None:
    """K = 10^9 once drew a list of 10^9 dilations, and searched as many candidates for the message."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))  # seconds of work; its memory would not suffice either\n"
        "from archspace.spec.archspec import ArchSpec\n"
        "for net, unit in [('espnetv2','eesp'),('espnet','esp'),('espnet','asp'),('espnet','resnext')]:\n"
        "    try: ArchSpec(net, unit=unit, branches=10**9)\n"
        "    except ValueError as e: assert 'nearest valid' in str(e), e\n"
        "    else: raise SystemExit('accepted')\n"
    )
    ran = python(code)
    assert ran.returncode == 0, ran.stderr
