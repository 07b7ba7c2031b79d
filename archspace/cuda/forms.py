"""The forms of units for a CUDA GPU, by name. Each computes what the plain form does."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from archspace.cuda.fused import fuse
from archspace.cuda.streams import on_streams
from archspace.support.registry import Registry

PLAIN = "plain"

FORMS: Registry[Callable[[nn.Module], int]] = Registry("form")
"""Functions that change a network in eval mode in place, by name, and return how many units they changed."""

FORMS.register(PLAIN)(lambda network: 0)
FORMS.register("streams")(on_streams)
FORMS.register("fused")(fuse)
