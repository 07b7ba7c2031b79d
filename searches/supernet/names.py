"""Which channel is which: names of the channels of all maps, followed through an ordinary network's forward pass.

Two networks of a space share the weight between two channels where both channels have the same names in both. The
names come from the ordinary network itself, run on tensors without content, so that there is no second description of
any unit or head:

- A convolution's output channels are named by the layer, where their group begins (as a share of the layer, so that
  the half of two groups and the third of four are the same place) and their number in the group. A group that reads
  one branch alone is named by the branch.
- A depth-wise convolution keeps the names of its input, under its own.
- Branches are known by their rate, and by their number among those of one rate; not by their place among all.
- Pooling, resizing, norms and activations keep names; a concatenation has those of its parts (marked where it has them
  already), a shuffle moves them.
- Maps that are added or multiplied are one: the younger takes the names of the older where it comes from one layer
  alone; otherwise the first term's stay.
- A repeated unit hands on the channels of its level: its output has the names of its input.
"""

from __future__ import annotations

import torch

from archspace.build import assembled
from archspace.spec.archspec import ArchSpec
from searches.supernet.channels import Named
from searches.supernet.tracing import Tracer


def named_parameters(spec: ArchSpec) -> dict[str, Named]:
    """Returns every parameter that the network's forward pass uses, by its name.

    Raises:
        Unshared: the network does something with its channels that names cannot follow.
    """
    with torch.device("meta"):
        network = assembled(spec).eval()
        image = torch.zeros(1, spec.channels, *spec.input_size)
    tracer = Tracer(network)
    with torch.no_grad(), tracer:
        tracer.begin(image)
        network(image)
    return tracer.found()
