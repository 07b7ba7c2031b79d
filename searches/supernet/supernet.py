"""Supernet: the networks of a space as ordinary networks whose weights are taken from shared ones."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

from archspace.build import assembled, build
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from searches.study.space import SearchSpace
from searches.supernet.names import named_parameters
from searches.supernet.subnets import ENOUGH, Subnets
from searches.supernet.weights import Layout, NotCovered, Place, SharedWeights, add_gradient, put, taken

MOST_KEPT = 256
"""Networks whose places in the shared weights are remembered."""
TRIES = 100


class Supernet:
    """Shared weights and the networks that take theirs from them.

    Args:
        subnets: the networks of the space.
        layout: which shared tensors there are.

    Attributes:
        weights: the shared tensors.
    """

    def __init__(self, subnets: Subnets, layout: Layout) -> None:
        self.subnets, self.layout = subnets, layout
        self.weights = SharedWeights(layout, subnets.largest)
        self._places: OrderedDict[str, dict[str, Place]] = OrderedDict()

    @classmethod
    def of(cls, space: SearchSpace, seed: int = 0) -> Supernet:
        """Returns a fresh supernet of a space; its weights follow from the seed.

        They begin as those of ordinary networks do, the larger ones last; what no network that was looked at has
        begins as the rest of its tensor is spread.

        Raises:
            InputError: the networks of the space cannot share weights.
        """
        subnets, layout = Subnets(space, seed), Layout()
        shown: dict[str, ArchSpec] = {}
        idle = 0
        for spec in subnets.covering():
            if spec.arch_id in shown:
                idle += 1
            elif layout.add(named_parameters(spec).values()):
                shown[spec.arch_id], idle = spec, 0
            else:
                idle += 1
            if subnets.enumerated is None and idle >= ENOUGH and subnets.largest.arch_id in shown:
                break
        supernet = cls(subnets, layout)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            supernet._initialise([*shown.values(), subnets.largest])
        return supernet

    def _initialise(self, specs: list[ArchSpec]) -> None:
        shared = self.weights.by_role()
        touched = {role: torch.zeros_like(value) for role, value in shared.items()}
        with torch.no_grad():
            for spec in specs:
                for name, value in build(spec).named_parameters():
                    place = self.places(spec).get(name)
                    if place is not None:
                        put(shared[place.role], place, value)
                        put(touched[place.role], place, torch.ones_like(value))
            for role, value in shared.items():
                known, rest = touched[role] > 0, touched[role] == 0
                if rest.any():
                    spread = value[known].std(unbiased=False) if value.dim() > 1 else value.new_zeros(())
                    mean = value[known].mean() if value.dim() == 1 else value.new_zeros(())
                    value[rest] = mean + spread * torch.randn(int(rest.sum()))

    def places(self, spec: ArchSpec) -> dict[str, Place]:
        """Returns where each parameter of a network stands in the shared tensors; those that never run stand nowhere.

        Raises:
            NotCovered: the supernet has no weights for some part of it.
        """
        key = spec.arch_id
        if key not in self._places:
            self._places[key] = {name: self.layout.place(one) for name, one in named_parameters(spec).items()}
            if len(self._places) > MOST_KEPT:
                self._places.popitem(last=False)
        self._places.move_to_end(key)
        return self._places[key]

    def drawn(self, rng: np.random.Generator) -> ArchSpec:
        """Returns a random network that the supernet has weights for.

        Raises:
            NotCovered: of a large space none of many was foreseen.
        """
        for _ in range(TRIES):
            spec = self.subnets.random(rng)
            try:
                self.places(spec)
            except NotCovered as error:
                missing = error
            else:
                return spec
        raise missing

    def network(self, spec: ArchSpec, weights: nn.Module | None = None) -> Network:
        """Returns an ordinary network with the weights that it inherits; its norms have seen nothing yet.

        Args:
            spec: of the space.
            weights: shared tensors to take instead of the supernet's own (an average of them).

        Raises:
            NotCovered: the supernet has no weights for some part of it.
        """
        shared = dict((weights or self.weights).named_parameters())
        places = self.places(spec)
        with torch.device("meta"):
            network = assembled(spec)
        state: dict[str, Tensor] = {}
        device = next(iter(shared.values())).device
        with torch.no_grad():
            for name, value in network.state_dict().items():
                place = places.get(name)
                if place is not None:
                    state[name] = taken(shared[place.role], place)
                else:
                    fresh = torch.ones if name.endswith(("running_var", "norm.weight")) else torch.zeros
                    state[name] = fresh(value.shape, dtype=value.dtype, device=device)
        network.load_state_dict(state, assign=True)
        return network

    def collect(self, network: Network) -> None:
        """Adds the gradients of a network's parameters to those of the shared tensors, and takes them from it."""
        shared = self.weights.by_role()
        places = self.places(network.spec)
        for name, parameter in network.named_parameters():
            if parameter.grad is not None and name in places:
                place = places[name]
                add_gradient(shared[place.role], place, parameter.grad)
            parameter.grad = None
