"""Folding changes the operations and not the answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archspace.build import build
from archspace.export.deploy import deployed
from archspace.floats import flushed
from archspace.network import Network
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network
from archspace.units.base import LayerModule
from tests.archspace.export.trained import lived_in
from tests.archspace.strategies import OWN_TESTS


def scored(y: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Scores; of a detector its confidences and locations side by side."""
    return y if isinstance(y, Tensor) else torch.cat(y, 2)


def largest_ratio(network: Network, folded: Network, side: int) -> float:
    x = torch.randn(2, network.spec.channels, side, side, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        ours, theirs = (scored(one(x)) for one in (network, folded))
    return float((ours - theirs).abs().max() / ours.abs().max())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, p in PRESETS.items() if p.spec.task not in OWN_TESTS])
def test_every_preset_answers_the_same(name: str) -> None:
    torch.manual_seed(0)
    network = lived_in(build(PRESETS[name].spec))
    assert largest_ratio(network, deployed(network), 32) <= 1e-5


def test_grouped_transposed_convolution_folds_too() -> None:
    layer = LayerModule(nn.ConvTranspose2d(6, 9, 2, 2, groups=3, bias=True), 9, 1e-3, None)
    network = build(ArchSpec("espnet-c", input_size=(32, 32)))
    network.add_module("extra", layer)
    folded = deployed(lived_in(network)).get_submodule("extra")
    x = torch.randn(1, 6, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), layer(x), rtol=1e-5, atol=1e-6)
    assert not hasattr(folded, "norm")


def test_norms_after_convolutions_are_gone_and_the_original_is_untouched() -> None:
    network = lived_in(build(PRESETS["espnet"].spec)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded = deployed(network)
    layers = [m for m in folded.modules() if isinstance(m, LayerModule)]
    assert not [m for m in layers if hasattr(m, "conv") and hasattr(m, "norm")]
    assert [m for m in layers if hasattr(m, "norm")], "norms after a concatenation stay"
    assert not any(m.training for m in folded.modules()) and network.training
    after = network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(after[k], v) for k, v in before.items())


def subnormals(network: Network, image: Tensor) -> int:
    """Numbers of all maps that are below the normal range."""
    least, found = torch.finfo(torch.float32).tiny, [0]

    def look(module: nn.Module, inputs: object, output: Tensor) -> None:
        found[0] += int(((output.abs() < least) & (output != 0)).sum())

    hooks = [m.register_forward_hook(look) for m in network.modules() if not list(m.children())]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    return found[0]


@pytest.mark.parametrize("name", ["espnet_p2_q8_camvid", "espnet_p2_q3_cityscapes"])
def test_tiny_weights_of_published_networks_make_no_subnormal_maps(shared: Path, name: str) -> None:
    file = shared / "weights" / "espnet" / f"{name}.pth"
    published = find_network(str(file), accept="weights", field="NET").load().eval()
    image = torch.randn(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    form = deployed(published)
    assert largest_ratio(published, form, 96) <= 1e-5
    before = subnormals(published, image)
    assert before > 1000 and subnormals(form, image) < before / 100
    with flushed():
        assert subnormals(published, image) == 0
    assert subnormals(published, image) == before, "outside of it numbers are as before"
