"""Every family of published checkpoints."""

from __future__ import annotations

from archspace.published.dicenet import DICENET
from archspace.published.esnet import ESNET
from archspace.published.espnet import ESPNET
from archspace.published.espnetv2 import ESPNETV2
from archspace.published.family import Family

FAMILIES: tuple[Family, ...] = (*ESPNET, *ESPNETV2, *DICENET, ESNET)
