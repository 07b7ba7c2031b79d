"""Command: demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archspace.support.options import WEIGHTS, JsonOption


def demo(
    network: Annotated[
        str, typer.Argument(metavar="NET", help=f"{WEIGHTS}; or an .onnx that archspace exported.")
    ],
    source: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="An image, a folder of images, or a video.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; demo/NET if left out.")] = None,
    input: Annotated[
        str | None, typer.Option(metavar="HxW", help="Size of the network's input; its own if left out.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="cityscapes, camvid, voc, coco, or a file with a class name a line.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Least score of what is named (multi-label, detection); the export's own if left out.",
            show_default="0.5",
            min=0,
            max=1,
        ),
    ] = None,
    side_by_side: Annotated[
        bool, typer.Option("--beside", help="The bare image stands on the left too.")
    ] = False,
    webcam: Annotated[int | None, typer.Option(metavar="N", help="Record camera N instead.", min=0)] = None,
    frames: Annotated[
        int | None, typer.Option(metavar="N", help="Stop a video or webcam after so many frames.", min=1)
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Show what a trained network sees: classes tinted over the image, the likeliest ones, or boxes, with a legend."""
    from archspace.spec.naming import find_network, parse_size
    from archspace.support.errors import InputError
    from archspace.support.terminal import working
    from searches.cli.early import check_device_name
    from searches.demo.inputs import find_inputs

    size = None if input is None else parse_size(input)
    check_device_name(device)
    find_network(network, accept="answers", field="NET")
    if (source is None) == (webcam is None):
        raise InputError("IMAGE: name an image, a folder or a video, or give --webcam N (one of both)")
    if source is not None:
        find_inputs(source)
    with working(f"opening {network}"):
        from searches.demo.running import demo as run
    run(
        network, source, webcam=webcam, out=out, size=size,
        labels=labels, device=device, threshold=threshold, frames=frames, side_by_side=side_by_side,
        as_json=as_json,
    )  # fmt: skip
