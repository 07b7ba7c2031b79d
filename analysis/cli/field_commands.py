"""Commands that look inside a network: ``receptive-field`` and ``show``. Torch is imported when one needs it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.presets.completion import complete_network
from archspace.support.errors import FieldError, InputError
from archspace.support.options import (
    DESIGN,
    ClassesOption,
    InputOption,
    JsonOption,
    SetOption,
    SpecArgument,
    TaskOption,
)

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.fields.effective import EffectiveField
    from analysis.fields.theoretical import ReceptiveField
    from archspace.network import Network

OUT = Path("runs/receptive-field")
NOISE_IMAGES = 2
PUBLISHED_SUFFIXES = (".pth", ".pt", ".tar")


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
            metavar="[SPEC|CKPT]",
            help="As for cost, or a published .pth file.",
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
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of gradients, noise and new weights.")
    ] = 0,
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
    from rich.console import Console

    from analysis.fields.tokens import language_spec, token_fields

    text = language_spec(target, task, classes, input_size, changes)
    if text is not None:
        for name, value in (("level", level), ("image", image)):
            if value:
                raise FieldError(
                    name, value[0], "a language model reads no image and has no levels", "leave it out"
                )
        tokens = token_fields(text)
        if as_json:
            _print_json(tokens)
            return
        from analysis.cli.field_tables import print_token_fields

        print_token_fields(tokens)
        return
    with Console(stderr=True).status("propagating gradients back to the image"):
        report = _fields(target, (task, classes, input_size, changes), level, image or [], draws, seed, out)
    if as_json:
        _print_json(report)
        return
    from analysis.cli.field_tables import print_fields

    print_fields(report)


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
    found = read_spec(spec, task=task, classes=classes, input_size=size, changes=parse_changes(changes or []))
    report = architecture(found)
    if as_json:
        _print_json(report)
        return
    from analysis.cli.field_tables import print_architecture

    print_architecture(report)


def open_network(
    text: str, task: str | None, classes: int | None, size: tuple[int, int] | None, changes: list[str] | None
) -> tuple[Network, bool]:
    """The network that ``text`` names, and whether its weights are trained.

    A published ``.pth`` file, a checkpoint or an export is loaded; any other SPEC is built with new weights.

    Raises:
        InputError: nothing has that name, or an option cannot be honoured by a network that exists already.
    """
    path = Path(text)
    published = path.suffix in PUBLISHED_SUFFIXES
    if not (published or path.suffix == ".safetensors" or (path / "weights.safetensors").is_file()):
        from archspace.build import build
        from archspace.spec.naming import parse_changes, read_spec

        fields = parse_changes(changes or [])
        spec = read_spec(text, task=task, classes=classes, input_size=size, changes=fields)
        return build(spec).eval(), False
    for name, value in (("task", task), ("classes", classes), ("set", changes)):
        if value:
            raise FieldError(name, value, "a trained network has its own", "leave it out")
    if published:
        from archspace.published import load_published

        return load_published(path), True
    from archspace.checkpoint import load

    return load(path), True


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
    target: str, options: tuple[Any, ...], levels: list[str] | None, files: list[Path], draws: int, seed: int,
    out: Path,
) -> dict[str, Any]:  # fmt: skip
    import torch

    from analysis.drawing.heatmaps import field_sheet, write_png
    from analysis.fields.effective import effective_receptive_fields
    from analysis.fields.theoretical import receptive_fields
    from archspace.spec.naming import parse_size

    task, classes, text, changes = options
    size = None if text is None else parse_size(text)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, trained = open_network(target, task, classes, size, changes)
    size = size or network.spec.input_size
    images = read_images(network, files, size, seed)
    theory = {field.name: field for field in receptive_fields(network.spec)}
    measured = effective_receptive_fields(network, images, levels, draws=draws, seed=seed)
    name = re.sub(r"[^\w.-]+", "_", Path(target).stem if trained else target)
    picture = write_png(field_sheet(network.spec.label, theory, measured), out / f"{name}.png")
    return {
        "label": network.spec.label, "arch_id": network.spec.arch_id, "weights": target if trained else None,
        "input_size": list(size), "images": [str(file) for file in files], "noise_images": 0 if files else len(images),
        "preprocessing": _preprocessing(network, files), "draws": draws, "seed": seed, "picture": str(picture),
        "levels": {level: _numbers(theory[level], found) for level, found in measured.items()},
    }  # fmt: skip


def _preprocessing(network: Network, files: list[Path]) -> str:
    if not files:
        return "none: standard normal noise"
    return (
        "the network's own" if network.preprocessing else "plain: bytes to -1 to 1, as the network has none"
    )


def _numbers(theory: ReceptiveField, found: EffectiveField) -> dict[str, Any]:
    return {
        "stride": theory.stride,
        "theoretical_px": theory.side,
        "whole_image": theory.whole,
        "effective_square_px": {f"{share:g}": side for share, side in found.squares.items()},
        "effective_area_px": {f"{share:g}": area for share, area in found.areas.items()},
        "sigma_px": found.sigma,
        "centre": list(found.centre),
    }


def _gridding(unit: str, branches: int, out: Path, as_json: bool) -> None:
    from analysis.drawing.heatmaps import gridding_sheet, write_png
    from analysis.fields.gridding import griddings

    found = griddings(unit, branches)
    picture = write_png(gridding_sheet(unit, found), out / f"gridding-{unit}-k{branches}.png")
    rows = {
        name: {"dilations": list(grid.dilations), "holes": list(grid.holes), "mean_holes": grid.mean_holes}
        for name, grid in found.items()
    }
    report = {"unit": unit, "branches": branches, "fusion": rows, "picture": str(picture)}
    if as_json:
        _print_json(report)
        return
    from analysis.cli.field_tables import print_gridding

    print_gridding(report)


def _print_json(report: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(report, indent=2, allow_nan=False))
