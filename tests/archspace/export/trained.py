"""Networks as after a training, at once."""

from __future__ import annotations

import torch
from torch import nn

from archspace.build import build
from archspace.network import Network
from archspace.spec.archspec import ArchSpec


def trained(spec: ArchSpec) -> Network:
    """A network whose batch norms know the statistics of data, so that its outputs depend on its input."""
    torch.manual_seed(0)
    network = build(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        inputs = torch.randn(8, spec.channels, *spec.input_size)
        network(network.example(8) if spec.task == "language" else inputs)
    return network


def lived_in(network: Network) -> Network:
    """The network with statistics, scales and shifts as after training, in eval mode."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.5, generator=generator)
            module.running_var.uniform_(0.3, 3, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(module.bias, 0, 0.5, generator=generator)
    return network.eval()
