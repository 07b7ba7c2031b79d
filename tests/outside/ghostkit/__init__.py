"""What somebody else adds to archspace: GhostNet's unit, a decoder, a layout of data and an objective.

Nothing is imported here: each entry names the module that enters it, which is imported when the entry is used.
"""

from __future__ import annotations

from archspace.support.registry import later

__version__ = "0.3.1"

ENTRIES = {
    "ghostkit.plan": (("unit", "ghost"), ("decoder", "lite-fpn")),
    "ghostkit.modules": (("block", "ghost"), ("block", "ghost-module"), ("block", "lite-fpn")),
    "ghostkit.fields": (
        ("receptive field of a block", "ghost"),
        ("receptive field of a block", "ghost-module"),
        ("receptive field of a head", "lite-fpn"),
    ),
    "ghostkit.data": (("data.layout", "csv"),),
    "ghostkit.quantity": (("quantity", "convs"),),
}

for module, entries in ENTRIES.items():
    for field, name in entries:
        later(field, name, module)
