"""build(spec): the only place where a spec becomes a module."""

from __future__ import annotations

from archspace import heads, networks, units  # noqa: F401  (they enter their classes)
from archspace.network import Network
from archspace.networks.language_model import LanguageModel
from archspace.plan.nodes import placed_layers
from archspace.spec.archspec import ArchSpec
from archspace.units.base import initialise


def assembled(spec: ArchSpec) -> Network:
    """Returns the network of ``spec`` of the class for its task; its weights are yet to be initialised or loaded."""
    return LanguageModel(spec) if spec.task == "language" else Network(spec)


def build(spec: ArchSpec) -> Network:
    """Returns the network of ``spec`` with freshly initialised weights (torch's global generator).

    For the task ``language`` it is an :class:`archspace.networks.language_model.LanguageModel`.
    """
    network = assembled(spec)
    initialise(network)
    return network


def dead_parameters(network: Network) -> frozenset[str]:
    """Returns names of parameters that the published layout has but no forward pass touches."""
    dead = tuple(f"{placed.path}." for placed in placed_layers(network.spec.plan) if placed.dead)
    return frozenset(name for name, _ in network.named_parameters() if dead and name.startswith(dead))
