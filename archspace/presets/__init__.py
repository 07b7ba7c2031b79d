"""The published networks as specs, with the numbers published for them. No torch."""

from __future__ import annotations

from collections.abc import Mapping

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
from archspace.support.errors import InputError, closest

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        *espnet_presets(),
        *espnetv2_presets(),
        *dicenet_presets(),
        *shufflenetv2_presets(),
        *compared_presets(),
        *detection_presets(),
        *mobile_presets(),
        *eru_presets(),
    )
}
"""Every published network by name."""


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    if name not in PRESETS:
        raise InputError(f"preset: {name!r}: unknown preset; nearest valid: {closest(name, list(PRESETS))}")
    return PRESETS[name]
