"""Commands that look inside a network: ``receptive-field`` and ``show``. Torch is imported when one needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.presets.completion import complete_network
from archspace.support.errors import FieldError, InputError
from archspace.support.options import (
    DESIGN,
    NETWORK,
    ClassesOption,
    InputOption,
    JsonOption,
    SetOption,
    SpecArgument,
    TaskOption,
    seed_option,
)

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.fields.effective import EffectiveField
    from analysis.fields.theoretical import ReceptiveField
    from archspace.network import Network
    from archspace.spec.archspec import ArchSpec
    from archspace.spec.named import NamedNetwork

OUT = Path("runs/receptive-field")
NOISE_IMAGES = 2


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(
        "receptive-field",
        rich_help_panel=DESIGN,
        epilog="Examples: archspace receptive-field espnet-c.pth --image street.png; "
        "archspace receptive-field --gridding",
    )(receptive_field)
    app.command(
        "show", rich_help_panel=DESIGN, epilog="Example: archspace show espnetv2-1.0 --set width=0.5"
    )(show)


def receptive_field(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPEC]",
            help=f"A preset, {NETWORK}.",
            show_default=False,
            autocompletion=complete_network,
        ),
    ] = None,
    level: Annotated[
        list[str] | None, typer.Option("--level", metavar="levelN", help="Only this one; may be repeated.")
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image", metavar="FILE", help="Average over these; noise if left out; may be repeated."
        ),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", metavar="N", help="Random output gradients an image.")] = 4,
    seed: Annotated[int, seed_option("Of gradients, noise and new weights.")] = 0,
    gridding: Annotated[
        bool, typer.Option("--gridding", help="Draw one unit with and without hierarchical fusion instead.")
    ] = False,
    unit: Annotated[str, typer.Option("--unit", help="For --gridding: esp or eesp.")] = "esp",
    branches: Annotated[int, typer.Option("--branches", metavar="K", help="For --gridding.")] = 5,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the picture goes.")] = OUT,
    task: TaskOption = None,
    classes: ClassesOption = None,
    input_size: InputOption = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a network's levels see of the image: in theory, and by the gradient; as a table and a picture."""
    if gridding:
        if target is not None:
            raise FieldError("gridding", target, "draws one unit, not a network", "leave SPEC out")
        _gridding(unit, branches, out, as_json)
        return
    if target is None:
        raise InputError("SPEC: missing; name a preset, a file or a checkpoint, or use --gridding")
    if draws < 1:
        raise FieldError("draws", draws, "must be 1 or more", 1)
    from archspace.spec.naming import find_network, parse_changes, parse_size
    from archspace.support.terminal import working

    size = None if input_size is None else parse_size(input_size)
    network = find_network(
        target, task=task, classes=classes, input_size=size, changes=parse_changes(changes or [])
    )
    assert network.spec is not None
    if network.spec.task == "language":
        for name, value in (("level", level), ("image", image)):
            if value:
                raise FieldError(
                    name, value[0], "a language model reads no image and has no levels", "leave it out"
                )
        from analysis.fields.tokens import token_fields

        tokens = token_fields(network.spec)
        if as_json:
            _print_json(tokens)
            return
        from analysis.cli.field_tables import print_token_fields

        print_token_fields(tokens)
        return
    _check_levels(network.spec, level or [])
    for file in image or []:
        if not file.is_file():
            raise FieldError("image", str(file), "no such file")
    with working("propagating gradients back to the image"):
        report = _fields(network, level, image or [], draws, seed, out)
    if as_json:
        _print_json(report)
        return
    from analysis.cli.field_tables import print_fields

    print_fields(report)


def _check_levels(spec: ArchSpec, levels: list[str]) -> None:
    """Refuses a level that the network does not have."""
    from analysis.fields.theoretical import receptive_fields

    known = [field.name for field in receptive_fields(spec)] if levels else []
    for level in levels:
        if level not in known:
            raise FieldError("level", level, "the network has no such level", ", ".join(known))


def show(
    spec: SpecArgument,
    task: TaskOption = None,
    classes: ClassesOption = None,
    input_size: InputOption = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """The network as a table, as the papers print it: layers, sizes, K, dilations, receptive fields and costs."""
    from analysis.counts.architecture import architecture
    from archspace.spec.naming import parse_changes, parse_size, read_spec

    size = None if input_size is None else parse_size(input_size)
    arch = read_spec(spec, task=task, classes=classes, input_size=size, changes=parse_changes(changes or []))
    report = architecture(arch)
    if as_json:
        _print_json(report)
        return
    from analysis.cli.field_tables import print_architecture

    print_architecture(report)


def read_images(network: Network, files: list[Path], size: tuple[int, int], seed: int) -> Tensor:
    """(N, C, H, W) images as the network reads them; standard normal noise if there are no files."""
    import torch

    if not files:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(NOISE_IMAGES, network.spec.channels, *size, generator=generator)
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from archspace.preprocessing import Preprocessing

    gray = network.spec.channels == 1
    half = (0.5,) * network.spec.channels
    plain = Preprocessing(channel_order="gray" if gray else "rgb", mean=half, std=half)
    preprocessing = network.preprocessing or plain
    arrays = []
    for file in files:
        try:
            with Image.open(file) as opened:
                picture = opened.convert("L" if gray else "RGB").resize((size[1], size[0]))
        except FileNotFoundError:
            raise FieldError("image", str(file), "no such file") from None
        except (UnidentifiedImageError, OSError) as error:
            raise FieldError("image", str(file), f"cannot be read as an image: {error}") from None
        arrays.append(np.asarray(picture, dtype=np.uint8))
    return preprocessing.apply(np.stack(arrays))


def _fields(
    named: NamedNetwork, levels: list[str] | None, files: list[Path], draws: int, seed: int, out: Path
) -> dict[str, Any]:
    import torch

    from analysis.drawing.heatmaps import field_sheet, write_png
    from analysis.fields.effective import effective_receptive_fields
    from analysis.fields.theoretical import receptive_fields

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = named.build()
    size, trained = network.spec.input_size, named.weights is not None
    images = read_images(network, files, size, seed)
    theory = {field.name: field for field in receptive_fields(network.spec)}
    measured = effective_receptive_fields(network, images, levels, draws=draws, seed=seed)
    picture = write_png(field_sheet(network.spec.label, theory, measured), out / f"{named.name}.png")
    return {
        "label": network.spec.label, "arch_id": network.spec.arch_id, "weights": named.text if trained else None,
        "input_size": list(size), "images": [str(file) for file in files], "noise_images": 0 if files else len(images),
        "preprocessing": _preprocessing(network, files), "draws": draws, "seed": seed, "picture": str(picture),
        "levels": {level: _numbers(theory[level], one) for level, one in measured.items()},
    }  # fmt: skip


def _preprocessing(network: Network, files: list[Path]) -> str:
    if not files:
        return "none: standard normal noise"
    return (
        "the network's own" if network.preprocessing else "plain: bytes to -1 to 1, as the network has none"
    )


def _numbers(theory: ReceptiveField, effective: EffectiveField) -> dict[str, Any]:
    return {
        "stride": theory.stride,
        "theoretical_px": theory.side,
        "whole_image": theory.whole,
        "effective_square_px": {f"{share:g}": side for share, side in effective.squares.items()},
        "effective_area_px": {f"{share:g}": area for share, area in effective.areas.items()},
        "sigma_px": effective.sigma,
        "centre": list(effective.centre),
    }


def _gridding(unit: str, branches: int, out: Path, as_json: bool) -> None:
    from analysis.drawing.heatmaps import gridding_sheet, write_png
    from analysis.fields.gridding import griddings

    grids = griddings(unit, branches)
    picture = write_png(gridding_sheet(unit, grids), out / f"gridding-{unit}-k{branches}.png")
    rows = {
        name: {"dilations": list(grid.dilations), "holes": list(grid.holes), "mean_holes": grid.mean_holes}
        for name, grid in grids.items()
    }
    report = {"unit": unit, "branches": branches, "fusion": rows, "picture": str(picture)}
    if as_json:
        _print_json(report)
        return
    from analysis.cli.field_tables import print_gridding

    print_gridding(report)


def _print_json(report: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(report, indent=2, allow_nan=False))
