"""Networks in their forms for CUDA answer as they do plainly, and train to the same gradients."""

from __future__ import annotations

import copy

import pytest
import torch

from archspace.build import build
from archspace.cuda import launch
from archspace.cuda.forms import FORMS
from archspace.cuda.fused import FusedUnit, fuse
from archspace.cuda.training import join_branches
from archspace.export.deploy import deployed
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from tests.archspace.cuda.units import difference, unit
from tests.archspace.export.trained import lived_in

UNITS = [
    ("eesp", {}), ("eesp", {"stride": 2}), ("eesp", {"stride": 2, "activate": False, "act": "relu6"}),
    ("eesp", {"fusion": False, "residual": False, "act": "hardswish"}), ("eesp", {"dilated": False, "act": "silu"}),
    ("eesp", {"pointwise_kernel": 3}), ("esp", {}), ("esp", {"branches": 2, "residual": False}),
    ("esp", {"stride": 2, "act": "relu"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given"), [UNITS[0], UNITS[2], UNITS[6], UNITS[7]])
def test_a_fused_unit_answers_the_same(name: str, given: dict[str, object], kernels_run: str) -> None:
    plain = unit(name, given).eval()
    fused = copy.deepcopy(plain)
    assert fuse(fused) == 1 and isinstance(fused[0], FusedUnit)
    x = torch.randn(1, 16, 3, 5)
    with torch.inference_mode():
        assert difference(fused.to(kernels_run)(x.to(kernels_run)).cpu(), plain(x)) <= 1e-5


@pytest.mark.parametrize(("name", "given"), UNITS)
def test_without_kernels_torch_computes_it(
    name: str, given: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(launch.INTERPRETED, "0")
    plain = unit(name, given).eval()
    fused = copy.deepcopy(plain)
    fuse(fused)
    x = torch.randn(2, 16, 9, 7)
    with torch.inference_mode():
        assert difference(fused(x), plain(x)) <= 1e-5


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("name", ["espnetv2-seg-0.5", "espnet-camvid", "espnetv2-0.5"])
def test_a_network_in_any_form_answers_the_same(
    name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(launch.INTERPRETED, "0")
    torch.manual_seed(0)
    network = lived_in(build(preset(name).spec))
    formed = deployed(network, form)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert difference(formed(x), network.eval()(x)) <= 1e-5
    changed = {type(module).__name__ for module in formed.modules()}
    assert form == "plain" or changed & {"OnStream", "FusedUnit"}


def test_a_network_in_training_mode_is_not_fused() -> None:
    with pytest.raises(ValueError, match="training mode"):
        fuse(build(ArchSpec("espnetv2", width=0.25)))


@pytest.mark.parametrize("given", [{}, {"stride": 2}, {"fusion": False}])
def test_joined_branches_have_the_gradients_of_single_ones(
    given: dict[str, object], kernels_run: str
) -> None:
    plain = unit("eesp", {"branches": 2, **given}).train()
    joined = copy.deepcopy(plain)
    assert join_branches(joined) == 1 and joined.state_dict().keys() == plain.state_dict().keys()
    joined.to(kernels_run)
    x = torch.randn(2, 16, 3, 3)
    ours, theirs = (x.clone().to(device).requires_grad_() for device in (kernels_run, "cpu"))
    weight = torch.randn_like(plain(x))
    (plain(theirs) * weight).sum().backward()
    (joined(ours) * weight.to(kernels_run)).sum().backward()
    assert ours.grad is not None and theirs.grad is not None
    assert difference(ours.grad.cpu(), theirs.grad) <= 1e-5
    for (name, one), other in zip(joined.named_parameters(), plain.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None, name
        assert difference(one.grad.cpu(), other.grad) <= 1e-4, name
