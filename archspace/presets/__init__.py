"""The published networks as specs, with the numbers published for them. No torch."""

from __future__ import annotations

from archspace.presets.baselines import compared_presets, mobile_presets
from archspace.presets.edgenets import (
    detection_presets,
    dicenet_presets,
    espnetv2_presets,
    shufflenetv2_presets,
)
from archspace.presets.espnet import espnet_presets
from archspace.presets.language import eru_presets
from archspace.presets.preset import Preset
from archspace.presets.small import small_presets
from archspace.support.registry import Registry

PRESETS: Registry[Preset] = Registry("preset")
"""Every published network by name; the spec of each is resolved when it is first read."""

for _preset in (
    *espnet_presets(),
    *espnetv2_presets(),
    *dicenet_presets(),
    *shufflenetv2_presets(),
    *compared_presets(),
    *detection_presets(),
    *mobile_presets(),
    *eru_presets(),
    *small_presets(),
):
    PRESETS.register(_preset.name)(_preset)


def preset(name: str) -> Preset:
    """Returns the preset called ``name``.

    Raises:
        FieldError: there is none; the message names the nearest.
    """
    return PRESETS[name]
