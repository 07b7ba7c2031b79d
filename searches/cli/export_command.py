"""Command: export."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archspace.support.errors import FieldError
from archspace.support.options import WEIGHTS, JsonOption

if TYPE_CHECKING:
    from torch import Tensor

    from archspace.export.export import ExportReport
    from archspace.export.signature import ExportOptions
    from archspace.network import Network
    from archspace.spec.named import NamedNetwork

KNEE = "knee"
FORM = "Form"


def export(
    network: Annotated[str, typer.Argument(metavar="NET", help=f"A study's run folder; {WEIGHTS}.")],
    pick: Annotated[
        str | None, typer.Option(help="Of a run folder: knee, best, or a trial's label.", show_default=KNEE)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; export/PICK or export/NAME beside NET if left out.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="FORMAT", help="May be repeated, or several with commas; onnx if left out."
        ),
    ] = None,
    batch: Annotated[
        str, typer.Option(metavar="N", help="Images of a run, or any.", rich_help_panel=FORM)
    ] = "1",
    input: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="Size of the input, or any; its own if left out.", rich_help_panel=FORM
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="P", help="float32 or float16.", rich_help_panel=FORM)
    ] = "float32",
    opset: Annotated[
        int | None, typer.Option(metavar="N", help="ONNX operator set, 11 to 18.", rich_help_panel=FORM)
    ] = None,
    nms: Annotated[
        bool, typer.Option("--nms", help="Of a detector: suppress doubles inside.", rich_help_panel=FORM)
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least score of what is named (multi-label, detection).", rich_help_panel=FORM),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(help="Overlap above which two objects of a class are one.", rich_help_panel=FORM),
    ] = None,
    install: Annotated[
        bool,
        typer.Option("--install", help="Put missing packages of the formats into environments of their own."),
    ] = False,
    as_json: JsonOption = False,
    bounds: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Write a chosen network as spec, weights, card and files for elsewhere, each proved to answer as torch does."""
    from archspace.export.signature import ANY, ExportOptions
    from archspace.spec.naming import parse_size

    options = ExportOptions(
        batch=_batch(batch), free_size=input == ANY, precision=precision, opset=opset, nms=nms,
        threshold=threshold, overlap=overlap,
    )  # fmt: skip
    wanted = Wanted(
        formats=tuple(name for text in formats or ["onnx"] for name in text.split(",")),
        options=options,
        size=None if input in (None, ANY) else parse_size(input),
    )
    export_network(network, pick, bounds, out, as_json, wanted, install)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files are written: formats by name, how, and the input size where it is not the network's own."""

    formats: tuple[str, ...]
    options: ExportOptions
    size: tuple[int, int] | None = None


def _batch(text: str) -> int | Literal["any"]:
    from archspace.export.signature import LARGEST_BATCH

    if text == "any":
        return "any"
    try:
        return int(text)
    except ValueError:
        raise FieldError("--batch", text, f"must be 1 to {LARGEST_BATCH}, or any", 1) from None


def export_network(
    text: str, pick: str | None, bounds: Mapping[str, float], out: Path | None, as_json: bool, wanted: Wanted,
    install: bool = False,
) -> None:  # fmt: skip
    """Exports a trial of a run, or any network with weights, and prints what was proved.

    Raises:
        InputError: no such network or trial, a format lacks something, or its runtime does not agree with torch.
    """
    from archspace.export.formats import FORMATS
    from archspace.export.formats.base import check_formats
    from archspace.support.terminal import working

    chosen = {name: FORMATS[name] for name in wanted.formats}
    named, picked = _chosen(text, pick, bounds)
    if wanted.size is not None:
        named = named.changed({"input_size": wanted.size})
    with working(f"reading {named.text}") as now:
        if install:
            for one in chosen.values():
                if one.extra is not None:
                    one.extra.install(now)
        if named.spec is not None:  # before anything heavy is imported
            check_formats(chosen, wanted.options, named.spec.task)
        from archspace.export.export import export as write

        network = named.load()
        now("reading real images of the study's data" if named.trial is not None else "preparing")
        real, card = _said(named, network, picked)
        folder = out or _folder(named, pick or KNEE if named.text != text else "")
        now(f"writing {', '.join(wanted.formats)} to {folder}, and comparing the answers with torch")
        report = write(
            network, folder, real_inputs=_resized(real, network.spec.input_size), card=card,
            formats=wanted.formats, options=wanted.options,
        )  # fmt: skip
    if as_json:
        print(json.dumps(report.to_dict()))  # noqa: T201
    else:
        _print(report, named)


def _resized(real: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    """Real images at the size that is exported."""
    if real is None or real.shape[2:] == size:
        return real
    from torch.nn.functional import interpolate

    return interpolate(real, size=size, mode="bilinear", align_corners=False)


def _print(report: ExportReport, named: NamedNetwork) -> None:
    from archspace.support.numbers import UNSTABLE_MARK, counted
    from archspace.support.terminal import output

    console = output()
    console.soft_wrap = True
    folder, card = report.folder, report.card
    console.print(f"wrote {folder}: {card['label']} ({report.arch_id})")
    for name, agreement in report.agreements.items():
        form, _, kind = name.rpartition(" ")
        who = f"{form}: {agreement.runtime}" if form else agreement.runtime
        noun = "text" if card["spec"]["task"] == "language" else "image"
        console.print(
            f"{who} equals torch on {counted(agreement.images, f'{kind} {noun}')}: within {agreement.relative:.1e} "
            "of the largest output",
            markup=False,
        )
    for name, one in card["formats"].items():
        if one["unchecked"]:
            console.print(f"{name}: {one['unchecked']}", markup=False)
    for one in card["numbers"]:
        if one.get("unstable"):
            reasons = "; ".join(one["unstable"])
            console.print(f"unstable ({UNSTABLE_MARK}): {named.text}, {one['name']}: {reasons}", markup=False)
    console.print(f"to load it: archspace.load({str(folder)!r})")
    for line in _next(named):
        console.print(line, markup=False)


def _chosen(text: str, pick: str | None, bounds: Mapping[str, float]) -> tuple[NamedNetwork, str]:
    """The network, and of a run's trial how it was picked."""
    from analysis.quantities import described
    from analysis.store.picks import bound_text, pick_trial
    from analysis.store.runs import STUDY_FILE, read_run
    from archspace.spec.naming import find_network
    from archspace.support.errors import FieldError
    from searches.cli.bounds import option_of

    if (Path(text) / STUDY_FILE).is_file():
        trial = pick_trial(read_run(Path(text)), pick or KNEE, bounds)
        named = find_network(f"{text}:{trial.label}", accept="weights", field="RUN")
        return named, ", ".join([pick or KNEE, *(bound_text(name, limit) for name, limit in bounds.items())])
    named = find_network(text, accept="weights", field="NET")
    for option, value in (
        ("--pick", pick),
        *((option_of(described(name)), limit) for name, limit in bounds.items()),
    ):
        if value is not None:
            raise FieldError(option, value, "chooses among the trials of a run folder", "leave it out")
    return named, text.rpartition(":")[2]


def _said(named: NamedNetwork, network: Network, picked: str) -> tuple[Tensor | None, dict[str, Any]]:
    """Real images for the proof, where the study's data are there, and what the card says of the network."""
    from analysis.store.retrained import RETRAINED_FILE, read_retrained_file
    from analysis.store.runs import read_run
    from searches.retraining.card import retrained_card
    from searches.study.card import export_card, real_images

    if named.run is not None and (named.run / RETRAINED_FILE).is_file():
        study = read_run(named.run.resolve().parents[1])
        card = retrained_card(study, read_retrained_file(named.run / RETRAINED_FILE))
        return real_images(study, network.preprocessing), card
    if named.run is None or named.trial is None:
        notes = named.notes()
        if (
            "found" in notes
        ):  # an export: its card goes on, the names and thresholds are the network's and the options'
            return None, {k: v for k, v in notes.items() if k not in ("classes", "colours", "thresholds")}
        data = notes.get("data")
        origin = {"network": f"{named.form} {named.text}", "data": data}
        return None, {"found": origin if data else f"{named.form} {named.text}"}
    study = read_run(named.run)
    trial = next(one for one in study.trials if one.label == named.trial)
    return real_images(study, network.preprocessing), export_card(study, trial, picked)


def _next(named: NamedNetwork) -> list[str]:
    """That a trial's weights are those of a search, and where full training is, or what to type for it."""
    from analysis.store.retrained import RETRAINED_FOLDER, read_retrained
    from analysis.store.runs import read_run
    from searches.study.card import short_training

    if named.run is None or named.trial is None:
        return []
    study = read_run(named.run)
    short = short_training(study, next(one for one in study.trials if one.label == named.trial))
    if short is None:
        return []
    done = [one for one in read_retrained(named.run) if one.trial == named.trial]
    if done:
        where = named.run / RETRAINED_FOLDER / done[0].folder
        return [f"its weights are {short}; trained in full: {where}"]
    return [
        f"its weights are {short}; next: archspace retrain {shlex.quote(str(named.run))} --pick {named.trial}"
    ]


def _folder(named: NamedNetwork, pick: str) -> Path:
    """Where an export goes that nobody named a place for."""
    if named.run is not None and named.trial is not None:
        return named.run / "export" / (pick or named.text.rpartition(":")[2])
    path = Path(named.text)
    return path / "export" if path.is_dir() else path.parent / "export" / path.stem
