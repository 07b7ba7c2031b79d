"""Command: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from archspace.support.options import WEIGHTS, JsonOption


def evaluate(
    network: Annotated[
        str, typer.Argument(metavar="NET", help=f"{WEIGHTS}; or an .onnx that archspace exported.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set; that of the training or study if left out.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    layout: Annotated[
        str | None, typer.Option(help="Layout of the data; seen from the folder if left out.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    crop: Annotated[
        Literal["squash", "centre"] | None,
        typer.Option(
            help="How pictures of another aspect become the input: all of it, or its middle; as trained if left out."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a trained network on a split: the metrics of its task, by class too."""
    from archspace.spec.naming import find_network
    from archspace.support.terminal import working
    from searches.cli.early import check_device_name
    from searches.training.layout import data_of, layout_for

    check_device_name(device)
    named = find_network(network, accept="answers", field="NET")
    assert named.spec is not None
    layout_for(named.spec.task, data_of(named, data, layout))
    with working(f"opening {network}"):
        from searches.cli.evaluate_tables import print_evaluation
        from searches.training.evaluate import evaluate as run

    result = run(network, data, split=split, layout=layout, device=device, crop=crop, progress=True)
    print_evaluation(result, as_json)
