"""Gridding, pictures and ``archspace receptive-field`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from analysis.cli.commands import register
from analysis.drawing.heatmaps import ZERO, colours_of, fitted, window
from analysis.fields.gridding import griddings
from analysis.fields.theoretical import receptive_fields
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError

torch.set_num_threads(1)


@pytest.mark.parametrize(("unit", "branches"), [("esp", 3), ("esp", 5), ("eesp", 2), ("eesp", 4)])
def test_fusion_leaves_strictly_fewer_holes(unit: str, branches: int) -> None:
    none, hff = griddings(unit, branches).values()
    assert (none.fusion, hff.fusion) == ("none", "hff") and none.dilations == hff.dilations
    for rate, share in zip(none.dilations, none.holes, strict=True):
        assert share == pytest.approx(1 - 9 / (2 * rate + 1) ** 2)
    assert hff.holes[-1] < none.holes[-1] and hff.mean_holes < none.mean_holes
    assert all(fused <= plain for fused, plain in zip(hff.holes, none.holes, strict=True))
    # The widest branch of ESP reads 8 pixels of every rate above 1 and the centre; EESP those of rate 1 too.
    rates = branches - (1 if unit == "esp" else 0)
    assert (hff.responses[-1] > 0).sum() == 8 * rates + 1


def test_pictures_mark_zero_and_lose_no_lone_pixel() -> None:
    values = np.zeros((90, 50))
    values[37, 11], values[5, 5] = 1.0, 1e-9
    small, size = fitted(values, 40)
    assert small.max() == 1.0 and (small > 0).sum() == 2 and size == (40, 22)
    colours = colours_of(values)
    assert tuple(colours[0, 0]) == ZERO and tuple(colours[5, 5]) != ZERO
    assert tuple(colours[5, 5]) != tuple(colours[37, 11])
    part, centre = window(values, (37, 11), 9)
    assert part.shape == (9, 9) and part[centre] == 1.0
    part, centre = window(values, (2, 11), 9)
    assert part.shape == (7, 9) and centre == (2, 4)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["receptive-field", *arguments])


def test_the_command_writes_numbers_and_a_picture(tmp_path: Path) -> None:
    from PIL import Image

    from archspace.checkpoint import save

    spec = ArchSpec("espnet-c", task="segmentation", classes=3, alphas=(0, 1), input_size=(64, 96))
    torch.manual_seed(0)
    path = save(build(spec), tmp_path / "net.safetensors")
    photo = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo)
    out = tmp_path / "out"
    result = run(str(path), "--image", str(photo), "--out", str(out), "--draws", "1", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    theory = {field.name: field.side for field in receptive_fields(spec)}
    assert {name: row["theoretical_px"] for name, row in report["levels"].items()} == theory
    assert report["weights"] == str(path) and report["noise_images"] == 0
    assert report["preprocessing"].startswith("plain") and report["picture"] == str(out / "net.png")
    with Image.open(report["picture"]) as picture:
        assert picture.format == "PNG" and min(picture.size) > 400
    refused = run(str(path), "--classes", "5", "--out", str(out)).exception
    assert isinstance(refused, InputError) and "classes: 5: a network with weights has its own" in str(
        refused
    )
    result = run("espnet-c", "--input", "64x64", "--level", "level2", "--draws", "1", "--out", str(out))
    assert result.exit_code == 0 and "level2" in result.stdout and "level1" not in result.stdout
    assert "untrained" in result.stdout and "larger than the image" in result.stdout


def test_the_gridding_command_writes_its_picture(tmp_path: Path) -> None:
    result = run("--gridding", "--branches", "4", "--out", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["fusion"]["hff"]["mean_holes"] < report["fusion"]["none"]["mean_holes"]
    assert Path(report["picture"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "SPEC: missing"),
        (("espnet", "--gridding"), "leave SPEC out"),
        (("--gridding", "--unit", "asp"), "unit: 'asp'.*esp or eesp"),
        (("--gridding", "--branches", "9"), "branches: 9.*nearest valid: 8"),
        (("espnet", "--draws", "0"), "draws: 0"),
        (("espnet", "--image", "none.png", "--input", "16x16"), "image: 'none.png': no such file"),
        (("none.pth",), "none.pth: no such file"),
        (("net.safetensors", "--classes", "3"), "net.safetensors: no such file"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, InputError) and not result.stdout.strip()
    with pytest.raises(InputError, match=message):
        raise result.exception


def test_published_weights_see_less_than_theory(shared: Path, tmp_path: Path) -> None:
    weights = shared / "weights" / "espnet" / "espnet_c_p2_q8_cityscapes.pth"
    if not weights.is_file():
        pytest.skip("no published weights")
    result = run(
        str(weights),
        "--input",
        "256x256",
        "--level",
        "level2",
        "--draws",
        "1",
        "--out",
        str(tmp_path),
        "--json",
    )
    assert result.exit_code == 0, result.output
    level2 = json.loads(result.stdout)["levels"]["level2"]
    assert level2["theoretical_px"] == 391
    assert 5 < level2["effective_square_px"]["0.5"] < level2["effective_square_px"]["0.9"] < 250
