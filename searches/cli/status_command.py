"""Commands: status, drain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError
from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from analysis.store.status import RunStatus
    from searches.config.study import StudyConfig

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]


def status(run: RunArgument, as_json: JsonOption = False) -> None:
    """How a study stands while it runs: workers, trials an hour, the end, failures."""
    with _opened(run) as (config, sampled, given):
        from searches.study.status import status_of

        seen = status_of(config, sampled, given)
    if as_json:
        typer.echo(json.dumps({"run": str(run), **seen.to_dict()}))
        return
    show_status(seen)


def drain(
    run: RunArgument,
    worker: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PROCESS]", help="Only the workers of this machine, or one; all if left out."
        ),
    ] = None,
    stop: Annotated[
        str | None,
        typer.Option(metavar="TRIAL", help="Stop this trial instead; its worker goes on with another."),
    ] = None,
) -> None:
    """Let workers end when their trial has, or stop one trial; the study can be resumed."""
    digits = (stop or "").removeprefix("given-")
    if stop is not None and not digits.isdecimal():
        rule = "trials have numbers, those of given networks after given-"
        raise FieldError("--stop", stop, rule, "12, or given-0")
    if worker is not None and stop is not None:
        raise FieldError("--worker", worker, "a trial is stopped whoever has it", f"--stop {stop} alone")
    if worker is not None and not re.fullmatch(r"[^\s:]+(:\d+)?", worker):
        rule = "is a machine, or one process of it, as 'archspace status' shows them"
        raise FieldError("--worker", worker, rule, "node7, or node7:4021")
    hosts = processes = set[str]()
    with _opened(run) as (config, sampled, given):
        from searches.study.draining import ask_to_end, ask_to_stop
        from searches.study.status import status_of

        if stop is None:
            ask_to_end(sampled, worker)
            seen = status_of(config, sampled, given).working
            hosts = {one.host for one in seen if one.host is not None}
            processes = {f"{one.host}:{one.process}" for one in seen}
        else:
            ask_to_stop(given if digits != stop else sampled, stop, int(digits))
    if stop is not None:
        when = "at its worker's next heartbeat, or as soon as one takes it up"
        typer.echo(f"trial {stop} is asked to stop: it does {when}")
    else:
        if worker is not None and worker not in hosts | processes:
            known = f"; trials run on {', '.join(sorted(hosts))}" if hosts else ""
            typer.echo(f"no trial of {worker} runs now{known}", err=True)
        who = "every worker ends" if worker is None else f"{worker} ends"
        typer.echo(f"{who} when its trial has; to go on: archspace search {run}")


@contextmanager
def _opened(run: Path) -> Iterator[tuple[StudyConfig, Any, Any]]:
    """The study of a run folder, and its Optuna studies: sampled and given trials."""
    from analysis.store.runs import STUDY_FILE, read_study_config
    from searches.cli.early import check_kept
    from searches.config.study import read_config

    read_study_config(run)
    config = read_config(str(run / STUDY_FILE))
    check_kept(config, run)
    from searches.study.joining import opened_studies

    with opened_studies(config, run) as (sampled, given):
        yield config, sampled, given


def show_status(seen: RunStatus) -> None:
    """Prints how a study stands."""
    from archspace.support.numbers import duration
    from archspace.support.terminal import Column, TerminalTable, output

    console = output()
    ended = ", ".join(f"{count} {state}" for state, count in sorted(seen.ended.items()))
    lines = [f"{seen.name}: {seen.done:.4g} of {seen.wanted} trials done" + (f" ({ended})" if ended else "")]
    if seen.per_hour is not None:
        rate = f"{seen.per_hour:.3g} an hour"
        lines.append(rate if seen.left_s is None else f"{rate}; about {duration(seen.left_s)} left")
    lines += [f"failed, {count} times: {reason}" for reason, count in seen.failures.items()]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not seen.working:
        console.print("no trial is being worked on", markup=False)
        return
    table = TerminalTable(
        "trial", "state", Column("machine", "text"), Column("process", "number"), "since", "heard of"
    )
    for one in seen.working:
        process = "" if one.process is None else str(one.process)
        table.add(one.trial, one.state, one.host or "", process, one.since or "", one.heard or "")
    table.print(console)
