"""The palette: colours that every kind of colour vision tells apart."""

from __future__ import annotations

import numpy as np
import pytest

from archspace.support.palette import INK, OKABE_ITO, PAPER, hex_of, ink_on, palette, perceived


def test_a_palette_is_told_apart_by_every_kind_of_colour_vision() -> None:
    for count, least in ((12, 0.075), (20, 0.075), (80, 0.015)):
        colours = palette(count)
        assert len(set(colours)) == count and colours == palette(200)[:count]
        lab = perceived(np.array(colours, float))
        apart = np.linalg.norm(lab[:, :, None] - lab[:, None], axis=-1)
        apart[:, np.arange(count), np.arange(count)] = 1
        assert apart.min() > least, count
    assert len(palette(300)) == 300


def test_red_and_green_are_near_for_red_and_green_blind_eyes_only() -> None:
    lab = perceived(np.array([[200, 70, 40], [110, 120, 40]], float))
    common, protan, deutan = np.linalg.norm(lab[:, 0] - lab[:, 1], axis=-1)
    assert common > 2 * min(protan, deutan)
    white = perceived(np.array([[255.0, 255, 255]]))
    assert white[:, 0] == pytest.approx(np.array([[1, 0, 0]] * 3), abs=5e-3)


def test_ink_reads_on_its_ground() -> None:
    assert ink_on((255, 255, 255)) == INK
    assert ink_on((0, 0, 142)) == PAPER


def test_colours_are_written_for_the_web() -> None:
    assert hex_of(OKABE_ITO["vermillion"]) == "#D55E00" and hex_of(INK) == "#1F2430"
