"""The networks of the papers as trees of layers, a file a network; importing one enters its designs. No torch."""

from __future__ import annotations

from archspace.plan.networks import (  # noqa: F401
    dicenet,
    enet,
    erfnet,
    eru,
    espnet,
    espnetv2,
    mobile,
    segnet,
)
