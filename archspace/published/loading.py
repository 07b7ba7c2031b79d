"""load_published(path): a published file as one of our networks, every tensor placed or the file refused."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from archspace.build import assembled
from archspace.class_names import published_names
from archspace.floats import other_kind, warn_of_lost_weights
from archspace.network import Network
from archspace.published.dicenet import DICENET
from archspace.published.esnet import ESNET
from archspace.published.espnet import ESPNET
from archspace.published.espnetv2 import ESPNETV2
from archspace.published.family import Family
from archspace.published.state import State, read_state, renamed
from archspace.support.errors import InputError

MOST_SHOWN = 3
COUNTER = "num_batches_tracked"

FAMILIES: tuple[Family, ...] = (*ESPNET, *ESPNETV2, *DICENET, ESNET)
"""Every family of published checkpoints."""


def load_published(path: str | Path) -> Network:
    """Returns the network of a published checkpoint, in eval mode, with its ``.spec`` and ``.preprocessing``.

    Network, width, depth, classes and task are read off the names and shapes of the tensors alone; only tensors are
    read from the file, never code. The device that it was saved on does not matter.

    Raises:
        InputError: the file cannot be read, or fits no published layout; the message names the nearest one and the
            first tensors that differ.
    """
    path = Path(path)
    state = read_state(path)
    family = max(FAMILIES, key=lambda f: (all(mark in state for mark in f.marks), _likeness(state, f)))
    try:
        spec = family.spec(state)
    except (KeyError, InputError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{path}: fits no published network; nearest is {family.name}, but: {reason}"
        ) from None
    with torch.device("meta"):
        network = assembled(spec)
    tensors = {renamed(key, family.rules): value for key, value in state.items()}
    differences = _differences(network, tensors)
    if differences:
        shown = "; ".join(differences[:MOST_SHOWN])
        more = f" and {len(differences) - MOST_SHOWN} more" if len(differences) > MOST_SHOWN else ""
        raise InputError(
            f"{path}: fits no published network; nearest is {family.name} ({spec.label}), but: {shown}{more}"
        )
    warn_of_lost_weights(state, str(path))
    counters = {name: torch.tensor(0) for name in network.state_dict() if name.endswith(COUNTER)}
    network.load_state_dict({**counters, **tensors}, assign=True)
    network.preprocessing = family.preprocessing(spec)
    network.class_names = published_names(spec.classes, spec.task)
    return network.float().eval()


def _likeness(state: State, family: Family) -> float:
    """Share of the family's marks that the state has, and how many names its rules change, for the nearest one."""
    marks = sum(mark in state for mark in family.marks) / len(family.marks)
    placed = sum(renamed(key, family.rules).startswith(("encoder.", "head.")) for key in state)
    return marks + placed / (10 * len(state))


def _differences(network: Network, tensors: dict[str, Tensor]) -> list[str]:
    """What keeps ``tensors`` from being this network's, in words."""
    wanted = network.state_dict()
    words = [f"{name} is missing" for name in wanted if name not in tensors and not name.endswith(COUNTER)]
    for name, tensor in tensors.items():
        if name not in wanted:
            words.append(f"{name} is unknown")
        elif tensor.shape != wanted[name].shape:
            words.append(f"{name} is {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}")
        elif kind := other_kind(tensor, wanted[name]):
            words.append(f"{name} {kind}")
    return words
