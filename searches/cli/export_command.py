"""Command: export."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archspace.support.errors import FieldError
from archspace.support.options import WEIGHTS, JsonOption

if TYPE_CHECKING:
    from torch import Tensor

    from archspace.export.quantisation import Quantised
    from archspace.export.signature import ExportOptions
    from archspace.network import Network
    from archspace.spec.named import NamedNetwork

KNEE = "knee"
FORM, INT8 = "Form", "INT8"


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
        str, typer.Option(metavar="P", help="float32, float16 or int8.", rich_help_panel=FORM)
    ] = "float32",
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYER", help="Stays in float32; may be repeated.", rich_help_panel=INT8),
    ] = None,
    calibrate: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Training images that say the ranges.", show_default="128", rich_help_panel=INT8
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the data set; that of the training or study if left out.", rich_help_panel=INT8
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(help="Layout of the data; seen from the folder if left out.", rich_help_panel=INT8),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split on which accuracy is compared.", show_default="val", rich_help_panel=INT8),
    ] = None,
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
    fastest_on: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="cpu", help="Try the forms that run here, and keep the fastest that agrees."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="With --for: threads of a run.")] = 1,
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
        threshold=threshold, overlap=overlap, keep=tuple(keep or ()),
    )  # fmt: skip
    given = {"--calibrate": calibrate, "--data": data, "--layout": layout, "--split": split}
    option = next((name for name, value in given.items() if value is not None), None)
    if option is not None and not options.int8:
        raise FieldError(option, given[option], "is for INT8", "--precision int8")
    wanted = Wanted(
        formats=tuple(
            name for text in formats or ([] if fastest_on else ["onnx"]) for name in text.split(",")
        ),
        fastest_on=fastest_on,
        threads=threads,
        options=options,
        size=None if input in (None, ANY) else parse_size(input),
        calibrate=calibrate, data=data, layout=layout, split=split or "val",
    )  # fmt: skip
    export_network(network, pick, bounds, out, as_json, wanted, install)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files are written: formats by name, how, and the input size where it is not the network's own.

    Of INT8: how many images calibrate it, the data where they are not the network's own, and what it is judged on.
    With ``fastest_on`` also the fastest of the forms that run on this machine, timed with ``threads``.
    """

    formats: tuple[str, ...]
    options: ExportOptions
    size: tuple[int, int] | None = None
    calibrate: int | None = None
    data: Path | None = None
    layout: str | None = None
    split: str = "val"
    fastest_on: str | None = None
    threads: int = 1


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
    from searches.cli.early import check_int8

    if wanted.fastest_on is not None:
        from archspace.export.targets import check_target, check_threads

        check_target(wanted.fastest_on, wanted.options)
        check_threads(wanted.threads)
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
        if wanted.options.int8:
            check_int8(named, wanted.data, wanted.layout, wanted.calibrate)
        from archspace.export.export import export as write

        network = named.load()
        now("reading real images of the study's data" if named.trial is not None else "preparing")
        real, card = _said(named, network, picked)
        int8 = _int8(named, network, wanted, now)
        folder = out or _folder(named, pick or KNEE if named.text != text else "")
        what = ", ".join([*wanted.formats, *(["the fastest form"] if wanted.fastest_on else [])])
        now(f"writing {what} to {folder}, and comparing the answers with torch")
        report = write(
            network, folder, real_inputs=_resized(real, network.spec.input_size), card=card,
            formats=wanted.formats, options=wanted.options, **int8,
            fastest_on=wanted.fastest_on, threads=wanted.threads, on_progress=now,
        )  # fmt: skip
    from searches.cli.export_tables import print_export

    if as_json:
        print(json.dumps(report.to_dict()))  # noqa: T201
    else:
        print_export(report, named)


def _int8(
    named: NamedNetwork, network: Network, wanted: Wanted, now: Callable[[str], object]
) -> dict[str, Any]:
    """The images and the judge that INT8 asks for; nothing of another precision."""
    if not wanted.options.int8:
        return {}
    from archspace.export.quantisation import USUAL_IMAGES
    from searches.training.int8 import calibrated, judged_on, judgement
    from searches.training.layout import data_of

    now("reading images that calibrate INT8")
    data = data_of(named, wanted.data, wanted.layout)
    calibration = calibrated(named, network, data, wanted.calibrate or USUAL_IMAGES)
    on = judged_on(named, network, data, wanted.split)
    batch = wanted.options.batch if isinstance(wanted.options.batch, int) else 1

    def judge(name: str, quantised: Quantised) -> dict[str, Any]:
        return judgement(network.spec, batch, on, quantised, lambda what: now(f"{name}: {what}"))

    return {"calibration": calibration, "judge": judge}


def _resized(real: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    """Real images at the size that is exported."""
    if real is None or real.shape[2:] == size:
        return real
    from torch.nn.functional import interpolate

    return interpolate(real, size=size, mode="bilinear", align_corners=False)


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


def _folder(named: NamedNetwork, pick: str) -> Path:
    """Where an export goes that nobody named a place for."""
    if named.run is not None and named.trial is not None:
        return named.run / "export" / (pick or named.text.rpartition(":")[2])
    path = Path(named.text)
    return path / "export" if path.is_dir() else path.parent / "export" / path.stem
