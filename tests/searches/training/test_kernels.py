"""The C++ kernels of training: torch's gradients for any map that is channels last, and torch where they cannot be."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archspace.build import build
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.support.compiled import compiler
from archspace.support.errors import FieldError
from archspace.support.files import CACHE_VARIABLE
from searches.training import kernels
from searches.training.backward import VARIABLE, FastBackward
from tests.searches.training.gradients import check, gradients, operators, same_bits

pytestmark = [
    pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler"),
    pytest.mark.usefixtures("one_thread"),
]
drawn = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
LAST = torch.channels_last


def map_of(*shape: int, part: bool = False) -> Tensor:
    """A random map, channels last; a part of the channels of another one where that is asked for."""
    if part:
        return map_of(shape[0], shape[1] + 3, *shape[2:])[:, 2 : 2 + shape[1]]
    return torch.randn(shape, dtype=torch.float64).contiguous(memory_format=LAST)


@drawn
@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 37), st.integers(1, 11), st.integers(1, 11)),
    act=st.sampled_from(["prelu", "relu", "none"]), running=st.booleans(), part=st.booleans(),
)  # fmt: skip
def test_norm_and_activation_are_those_of_torch(
    size: tuple[int, int, int, int], act: str, running: bool, part: bool
) -> None:
    if size[0] * size[2] * size[3] == 1:
        size = (2, *size[1:])
    norm = nn.BatchNorm2d(size[1], momentum=0.3, track_running_stats=running)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    acts = {"prelu": nn.PReLU(size[1]), "relu": nn.ReLU(), "none": nn.Identity()}
    module = nn.Sequential(norm, acts[act]).double()
    x = 5 + 3 * map_of(*size, part=part)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    plain, expected = gradients(module, x, None)
    after = {name: value.clone() for name, value in module.state_dict().items()}
    module.load_state_dict(before)
    fast, got = gradients(module, x, "all")
    torch.testing.assert_close(dict(module.state_dict()), after)
    torch.testing.assert_close(fast, plain)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8)


def test_a_norm_far_from_zero_loses_no_digits() -> None:
    x = (1000 + map_of(4, 5, 90, 70)).float()
    norm = nn.Sequential(nn.BatchNorm2d(5), nn.PReLU(5))
    assert "aten::native_batch_norm" not in operators(norm, x, "all")
    got, exact = gradients(norm, x, "all"), gradients(norm.double(), x.double(), None)
    torch.testing.assert_close(
        got[0].double(), exact[0], rtol=0, atol=5e-4
    )  # a value has 6e-5 of its deviation


@drawn
@given(
    height=st.integers(1, 11), width=st.integers(1, 11), channels=st.integers(1, 35), stride=st.integers(1, 3),
    dilation=st.integers(2, 6), sides=st.sampled_from([(3, 3), (5, 5), (3, 1), (1, 3), (5, 3)]), part=st.booleans(),
)  # fmt: skip
def test_depth_wise_gradients_are_those_of_torch(
    height: int, width: int, channels: int, stride: int, dilation: int, sides: tuple[int, int], part: bool
) -> None:
    padding = (dilation * (sides[0] // 2), dilation * (sides[1] // 2))
    conv = nn.Conv2d(
        channels, channels, sides, stride, padding, dilation, groups=channels, bias=False, dtype=torch.float64
    )
    check(conv, map_of(2, channels, height, width, part=part), "all")


@pytest.mark.parametrize("part", [True, False])
def test_prelu_gradients_are_those_of_torch(part: bool) -> None:
    x = map_of(3, 7, 30, 19, part=part)
    x[0, :, 0, 0] = 0.0
    act = nn.PReLU(7, dtype=torch.float64)
    assert "aten::threshold_backward" not in operators(act, x, "all")
    check(act, x, "all")


def module_of_all() -> nn.Module:
    """A norm with its activation, a dilated depth-wise convolution and an activation alone."""
    torch.manual_seed(0)
    conv = nn.Conv2d(20, 20, 3, padding=2, dilation=2, groups=20, bias=False)
    return nn.Sequential(nn.BatchNorm2d(20), nn.PReLU(20), conv, nn.PReLU(20))


def test_runs_are_equal_in_every_bit_and_other_layouts_and_threads_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = map_of(16, 20, 13, 17).float()
    assert same_bits(gradients(module_of_all(), x, "all"), gradients(module_of_all(), x, "all"))
    monkeypatch.setattr(kernels, "_call", None)
    other = x.contiguous()
    assert same_bits(gradients(module_of_all(), other, "all"), gradients(module_of_all(), other, "none"))
    with pytest.raises(TypeError):
        gradients(module_of_all(), x, "all")
    torch.set_num_threads(2)
    gradients(module_of_all(), x, "all")


def test_a_large_batch_has_the_same_gradients_too() -> None:
    check(module_of_all().double(), map_of(64, 20, 13, 17), "all")


def test_frozen_norms_keep_their_statistics_and_one_value_is_refused() -> None:
    module = module_of_all().eval()
    x = map_of(2, 20, 6, 5).float()
    assert same_bits(gradients(module[:1], x, "all"), gradients(module[:1], x, "none"))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        gradients(module.train(), map_of(1, 20, 1, 1).float(), "all")


@pytest.mark.parametrize("name", ["espnetv2-seg-0.5", "espnet-camvid", "fpenet", "enet", "dabnet"])
def test_whole_networks_have_the_same_gradients(name: str) -> None:
    spec: ArchSpec = preset(name).spec.replace(classes=3, input_size=(32, 64))
    torch.manual_seed(0)
    network = build(spec).double().train().to(memory_format=LAST)  # type: ignore[call-overload]
    x, target = map_of(2, 3, 32, 64), torch.randint(3, (2, 32, 64))
    state = {key: value.clone() for key, value in network.state_dict().items()}
    found = []
    for taken in ("none", "all"):
        network.load_state_dict(state)
        torch.manual_seed(2)  # dropout
        network.zero_grad()
        with FastBackward(network, taken).active():
            scores = network(x)
        F.cross_entropy(F.interpolate(scores, size=(32, 64)), target).backward()  # type: ignore[no-untyped-call]
        gradient = {key: p.grad.clone() for key, p in network.named_parameters() if p.grad is not None}
        found.append((gradient, {key: value.clone() for key, value in network.state_dict().items()}))
    for one, other in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


def test_without_a_compiler_torch_goes_on_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "nothing"))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    kernels.opened.cache_clear()
    try:
        x = map_of(3, 20, 9, 9).float()
        with caplog.at_level(logging.INFO):
            got = [gradients(module_of_all(), x, "all") for _ in range(2)]
        assert same_bits(got[0], gradients(module_of_all(), x, "none"))
        assert len(caplog.messages) == 1
        assert "needs a C++ compiler" in caplog.text
    finally:
        kernels.opened.cache_clear()


def test_the_variable_says_what_takes_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    x = map_of(16, 20, 5, 5).float()
    monkeypatch.delenv(VARIABLE, raising=False)
    with FastBackward(module := module_of_all()).active():
        assert "NormAct" in module[:1](x).grad_fn.name()
    monkeypatch.setenv(VARIABLE, "none")
    with FastBackward(module).active():
        assert "NormAct" not in module[:1](x[:2]).grad_fn.name()
    monkeypatch.setenv(VARIABLE, "al")
    with pytest.raises(FieldError, match=rf"^{VARIABLE}: 'al': unknown; nearest valid: all"):
        FastBackward(module)
