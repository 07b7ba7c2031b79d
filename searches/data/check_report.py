"""What ``archspace data check`` prints and writes."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archspace.support.errors import FieldError, InputError, closest
from archspace.support.files import write_text
from archspace.support.terminal import Column, TerminalTable, output
from searches.config.data import DataConfig
from searches.config.study import read_config
from searches.config.training import TrainData
from searches.data.checking import (
    Checked,
    check_split,
    copies_in,
    in_two,
    remarks_on,
    unread_files,
)
from searches.data.dataset import NOTHING_SAID, SPLITS, layouts
from searches.data.identify import TEXT, identify
from searches.data.own import Own, own_of
from searches.data.serving import checked_task, served
from searches.data.sheet import write_sheet
from searches.data.text import UNKNOWN, load_text, text_files, texts_in
from searches.fetching.hint import fetch_hint

REPORT = "check.json"


def check(
    path: Path, layout: str | None, task: str | None, split: str | None, out: Path | None, tiles: int, most: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Checks a data set, prints what was found and writes the contact sheets; the number of problems.

    Args:
        path: the data set's folder, a text, or a study: its data are checked as it reads them.
        layout, task: seen from the folder if left out; a study says its own.
        split: all that are there if left out.
        out: folder of the contact sheets.
        tiles: pictures of each.
        most: problems that are listed.
        as_json: print one JSON object.

    Raises:
        InputError: there is nothing that can be checked.
    """
    root, own, study = path.expanduser(), NOTHING_SAID, None
    text = TrainData(root=root)
    if root.suffix in (".yaml", ".yml") and root.is_file():
        study, (data, task) = root, _of_study(root, layout, task)
        root, layout, own = Path(data.root or "."), data.layout, own_of(data)
        text = TrainData(root=root, splits=data.splits, vocabulary=data.vocabulary)
    if split is not None and split not in SPLITS:
        raise FieldError("--split", split, "unknown split", closest(split, list(SPLITS)))
    if not root.exists():
        raise FieldError("PATH", str(root), f"no such folder{fetch_hint()}")
    layout = layout or identify(root)
    if layout == TEXT:
        result = check_text(text, split)
    else:
        layouts()[layout]
        folder = out or Path("runs") / "data" / (root.resolve().name or layout)
        result = check_pictures(root, layout, task, split, folder, tiles, most, own)
    if study is not None:
        result["study"] = str(study)
    if as_json:
        print(json.dumps(result))  # noqa: T201
    else:
        _print(result)
    return int(result["problems"])


def _of_study(path: Path, layout: str | None, task: str | None) -> tuple[DataConfig, str]:
    """The data of a study, and its task."""
    config = read_config(str(path))
    data = config.data
    for option, given, own in (("--layout", layout, data.layout), ("--task", task, config.task)):
        if given not in (None, own):
            raise FieldError(option, given, f"{path} says {own}", "leave it out")
    needs_root = data.layout == TEXT or layouts()[data.layout].lister is not None
    if needs_root and data.root is None:
        raise FieldError("data.root", None, f"{path} names no folder", "archspace data check FOLDER")
    return data, config.task


def check_pictures(
    root: Path, layout: str, task: str | None, split: str | None, out: Path, tiles: int, most: int,
    own: Own = NOTHING_SAID,
) -> dict[str, Any]:  # fmt: skip
    """Checks the splits one after the other, with a bar on stderr."""
    console = Console(stderr=True)
    with console.status("reading annotations"):
        tasks = served(layout, root, task, own)
    task = checked_task(task, tasks)
    if split is not None and split not in tasks[task]:
        rule = f"{root} has no such split (here: {', '.join(tasks[task])})"
        raise FieldError("--split", split, rule, tasks[task][0])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    checked: dict[str, Checked] = {}
    logging.getLogger("searches.data").setLevel(logging.WARNING)
    with Progress(*columns, console=console, transient=True) as bar:
        for name in [split] if split is not None else tasks[task]:
            line = bar.add_task(f"checking {name}", total=None)
            checked[name] = check_split(
                layout, root, task, name, tiles, own,
                lambda count, line=line: bar.update(line, total=count),  # type: ignore[misc]
                lambda line=line: bar.advance(line),  # type: ignore[misc]
            )  # fmt: skip
    sheets = {}
    for name, check in checked.items():
        if check.tiles:
            sheets[name] = str(out / f"{name}.png")
            write_sheet(
                out / f"{name}.png", check.tiles, () if task == "classification" else list(check.classes)
            )
    shared, unread = in_two(checked, root), unread_files(checked, root)
    result = {
        "root": str(root), "layout": layout, "tasks": tasks, "task": task,
        "splits": {name: check.to_dict(most) for name, check in checked.items()},
        "in_two_splits": [{"file": file, "problem": what} for file, what in shared[:most]],
        "unread": [{"file": file, "problem": what} for file, what in unread[:most]],
        "problems": sum(len(check.problems) for check in checked.values()) + len(shared) + len(unread),
        "remarks": [*remarks_on(checked, task), *copies_in(checked, root)],
        "sheets": sheets,
    }  # fmt: skip
    write_text(out / REPORT, json.dumps(result, indent=2) + "\n")
    return result


def check_text(data: TrainData, split: str | None) -> dict[str, Any]:
    """Counts the tokens of a text; without a train split the vocabulary is that of its first split."""
    assert data.root is not None
    root, files = data.root, text_files(data.root)
    found = texts_in(root, data.splits)
    if not found:
        raise InputError(f"{root}: has no text file of a split")
    if split is not None and split not in found:
        raise FieldError("--split", split, f"{root} has no such split (here: {', '.join(found)})")
    learnt = "train" if "train" in found else found[0]
    counts, problems = {}, []
    words = 0
    for name in [split] if split is not None else found:
        splits = data.splits if learnt == "train" or name == "train" else {**data.splits, "train": learnt}
        try:
            text = load_text(root, name, splits=splits, most=data.vocabulary)
        except InputError as error:
            problems.append({"file": str(files.get(name, root)), "problem": str(error)})
            continue
        words = len(text.vocabulary)
        unknown = int((text.tokens == text.vocabulary.index(UNKNOWN)).sum())
        counts[name] = {"file": text.name, "tokens": len(text), "unknown": unknown}
    return {
        "root": str(root), "layout": TEXT, "tasks": {"language": found}, "task": "language",
        "vocabulary": {"from": learnt, "words": words}, "splits": counts, "problems": len(problems),
        "listed": problems, "sheets": {},
    }  # fmt: skip


def _print(result: dict[str, Any]) -> None:
    console = output()
    console.print(f"{result['root']}: layout {result['layout']}", markup=False)
    for task, splits in result["tasks"].items():
        console.print(f"  serves {task} ({', '.join(splits)})", markup=False)
    if result["layout"] == TEXT:
        _print_text(console, result)
    else:
        _print_pictures(console, result)
    for entry in [*result.get("in_two_splits", ()), *result.get("unread", ()), *result.get("listed", ())]:
        console.print(f"  {entry['file']}: {entry['problem']}", markup=False)
    for path in result["sheets"].values():
        console.print(f"contact sheet: {path}", markup=False)
    problems = f"{result['problems']} problems" if result["problems"] != 1 else "1 problem"
    remarks = result.get("remarks", ())
    for remark in remarks:
        console.print(f"note: {remark}", markup=False)
    if "study" in result:
        console.print(f"to search: archspace search {shlex.quote(result['study'])}", markup=False)
    else:
        console.print(f"a study on it: archspace init --data {shlex.quote(result['root'])}", markup=False)
    end = "no problems" if not result["problems"] else problems
    console.print(f"{end}; see {_notes(remarks)}" if remarks else end)


def _notes(remarks: Sequence[str]) -> str:
    return "the note above" if len(remarks) == 1 else f"the {len(remarks)} notes above"


def _print_text(console: Console, result: dict[str, Any]) -> None:
    vocabulary = result["vocabulary"]
    console.print(f"vocabulary: {vocabulary['words']} words of {vocabulary['from']}")
    for name, summary in result["splits"].items():
        share = 100 * summary["unknown"] / max(1, summary["tokens"])
        console.print(
            f"{name}: {summary['tokens']} tokens in {summary['file']}, {share:.2f} % of them {UNKNOWN}"
        )


def _print_pictures(console: Console, result: dict[str, Any]) -> None:
    console.print(f"checked for {result['task']}")
    for name, summary in result["splits"].items():
        modes = ", ".join(f"{count} {mode}" for mode, count in summary["modes"].items())
        console.print(f"{name}: {summary['readable']} of {summary['images']} images readable; {modes}")
        sizes = summary["sizes"]
        if sizes:
            height, width = ("/".join(map(str, sizes[side])) for side in ("height", "width"))
            kinds = "1 size" if sizes["distinct"] == 1 else f"{sizes['distinct']} sizes"
            console.print(f"  height {height}, width {width} (min/median/max), {kinds}")
        if "void_pixels" in summary:
            console.print(
                f"  void: {100 * summary['void_pixels'] / max(1, summary['pixels']):.2f} % of the pixels"
            )
        elif "boxes" in summary:
            console.print(
                f"  {summary['boxes']} boxes, {summary['ignored_boxes']} to be ignored,"
                f" {summary['clipped_boxes']} cut at the picture's edge"
            )
    _classes(result).print(console)
    for name, summary in result["splits"].items():
        if summary["problems"]:
            console.print(f"{name}: {summary['problems']} problems")
        for entry in summary["listed"]:
            console.print(f"  {entry['file']}: {entry['problem']}", markup=False)
        if summary["problems"] > len(summary["listed"]):
            console.print(f"  ... and {summary['problems'] - len(summary['listed'])} more (--most)")


def _classes(result: dict[str, Any]) -> TerminalTable:
    """Class by class: images, and the share of pixels or the number of boxes."""
    splits = result["splits"]
    columns = []
    for name, summary in splits.items():
        columns.append(Column(f"{name} images", "number"))
        if "pixels" in summary or "boxes" in summary:
            columns.append(Column(f"{name} {'pixels %' if 'pixels' in summary else 'boxes'}", "number"))
    table = TerminalTable("class", *columns)
    for label in next(iter(splits.values()))["classes"]:
        row = []
        for summary in splits.values():
            counts = summary["classes"].get(label, {})
            row.append(str(counts.get("images", 0)))
            if "pixels" in summary:
                known = max(1, summary["pixels"] - summary["void_pixels"])
                row.append(f"{100 * counts.get('pixels', 0) / known:.2f}")
            elif "boxes" in summary:
                row.append(str(counts.get("boxes", 0)))
        table.add(label, *row)
    return table
