"""What the commands do: run a study to its end, export one of its networks."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.store.records import ON_DEVICE, TrialRecord, objective
from analysis.store.runs import STUDY_FILE, TRIALS_FOLDER, read_again, read_run
from archspace.support.errors import FieldError, InputError
from searches.compare.summary import show_comparison
from searches.config.study import StudyConfig, read_config
from searches.study.picking import export_card, pick_trial, real_images, weights_of
from searches.study.progress import Progress, short
from searches.training.logs import log_to

log = logging.getLogger(__name__)


def run_config(config: StudyConfig, out: Path | None, as_json: bool) -> None:
    """Runs or resumes a study that is complete; see :func:`run_study`."""
    folder = out or Path("runs") / config.name
    with full_disk_told(folder):
        _run(config, folder, as_json)


def run_study(source: str, changes: Mapping[str, Any], out: Path | None, as_json: bool) -> None:
    """Runs or resumes a study and prints its front.

    Raises:
        InputError: anything the user gave cannot be used, or the disk is full.
    """
    if Path(source, STUDY_FILE).is_file():
        out, source = out or Path(source), str(Path(source, STUDY_FILE))
    elif Path(source).is_dir():
        raise InputError(f"{source}: not a run folder: it has no {STUDY_FILE}")
    run_config(read_config(source, changes), out, as_json)


def _run(config: StudyConfig, folder: Path, as_json: bool) -> None:
    from searches.study.front import measure_again
    from searches.study.study import Study
    from searches.study.workers import extra_workers

    console = Console(stderr=True)
    study = Study.open(config, folder)
    log_to(folder, console=not console.is_terminal)
    done = study.records()
    log.info("%s: %d of %d trials done", folder, len(done), config.trials + len(config.given))
    objectives = [objective(name) for name in config.objectives]
    progress = Progress(objectives, config.trials + len(config.given), done, console)
    try:
        with extra_workers(config, folder), progress:
            study.run(progress)
        measure_again(study)
    except KeyboardInterrupt:
        console.print(f"stopped; to go on: archspace search {folder}", highlight=False)
        raise
    if config.comparison is not None:
        show_comparison(config, folder, study.records(), as_json)
        return
    _summary(config, folder, study.records(), as_json)
    missing = config.trials - sum(bool(r.values) and r.given is None for r in study.records())
    if missing > 0:
        log.warning("the space gave %d trials fewer than wanted: too few are feasible", missing)


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Turns a full disk, wherever it is noticed, into one line; the study stays resumable."""
    import sqlalchemy.exc

    told = InputError(
        f"{folder}: the disk is full; free some space and run the same command: the study goes on"
    )
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise told from error
        raise InputError(f"{error.filename or folder}: {error.strerror or error}") from error
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            text = str(cause)
            full = "disk is full" in text or "disk I/O error" in text or os.strerror(errno.ENOSPC) in text
            if full and isinstance(cause, OSError | sqlalchemy.exc.OperationalError | RuntimeError):
                raise told from error
            cause = cause.__cause__ or cause.__context__
        raise


def _summary(config: StudyConfig, folder: Path, records: list[TrialRecord], as_json: bool) -> None:
    from searches.study.front import front_of

    front = front_of(config, records)
    again = {r.label: read_again(folder / TRIALS_FOLDER / r.label) for r in front}
    names = [n for n in ON_DEVICE if any(n in found for found in again.values())]
    states = {state: sum(r.state == state for r in records) for state in ("complete", "infeasible", "failed")}
    if as_json:
        rows = [
            {
                "trial": r.label,
                "arch_id": r.arch_id,
                **r.values,
                "again": {n: one.value for n, one in again[r.label].items()},
            }
            for r in front
        ]
        print(json.dumps({"run": str(folder), "trials": states, "front": rows}))  # noqa: T201
        return
    table = Table(
        "trial",
        "network",
        *(objective(n).label for n in config.objectives),
        *(f"{objective(n).label}, again" for n in names),
        title=f"front of {config.name}",
    )
    for record in front:
        anew = [short(again[record.label][n].value) if n in again[record.label] else "" for n in names]
        table.add_row(
            record.label, _label(record), *(short(record.values[n]) for n in config.objectives), *anew
        )
    console = Console()
    console.print(table)
    told = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    console.print(
        f"{told}; plot: archspace pareto {folder}; export: archspace export {folder}", highlight=False
    )


def _label(record: TrialRecord) -> str:
    from archspace.spec.archspec import ArchSpec

    label = ArchSpec.from_dict(record.spec or {}).label
    return f"{record.given}: {label}" if record.given else label


def export_trial(run: Path, pick: str, most: Mapping[str, float], out: Path | None, as_json: bool) -> None:
    """Exports a trial of a run, or a checkpoint, and prints what was proved.

    Raises:
        InputError: no such trial or file, or ONNX Runtime does not agree with torch.
    """
    from archspace.checkpoint import load
    from archspace.export.export import export

    if run.is_file():
        network, real, card = load(run), None, None
        folder = out or run.parent / "export" / run.stem
    elif (run / STUDY_FILE).is_file():
        study = read_run(run)
        trial = pick_trial(study, pick, most)
        network = load(weights_of(run, trial))
        real = real_images(study, network.preprocessing)
        card = export_card(study, trial, _picked(pick, most))
        folder = out or run / "export" / pick
    else:
        raise FieldError("RUN", str(run), "no such run folder or checkpoint", "runs/scenes")
    report = export(network, folder, real_inputs=real, card=card)
    if as_json:
        print(json.dumps(report.to_dict()))  # noqa: T201
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"wrote {folder}: {network.spec.label} ({report.arch_id})")
        for name, agreement in report.agreements.items():
            images = f"{agreement.images} {name} image{'s' if agreement.images > 1 else ''}"
            console.print(
                f"ONNX Runtime equals torch on {images}: within {agreement.relative:.1e} of the largest output"
            )
        console.print(f"to load it: archspace.load({str(folder)!r})")


def _picked(pick: str, most: Mapping[str, float]) -> str:
    return ", ".join([pick, *(f"{name} <= {bound:g}" for name, bound in most.items())])
