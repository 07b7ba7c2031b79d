"""Commands: init, studies."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from archspace.support.options import JsonOption
from searches.cli.completion import complete_study

SCHEMA_FILE = "study.schema.json"


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("study.yaml"),
    recipe: Annotated[
        str | None,
        typer.Option(help="Built-in study to start from; scenes if left out.", autocompletion=complete_study),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures, or a text: look at it and write a study that runs on it."),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="With --data: for what; the first that the folder serves if left out.")
    ] = None,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Write study.schema.json beside it too: editors complete the fields."),
    ] = False,
) -> None:
    """Write a commented study.yaml to start from: a built-in one, or one for your own pictures or text."""
    from archspace.support.errors import FieldError, InputError, closest
    from archspace.support.files import write_text
    from searches.config.study import recipes

    known = recipes()
    if data is not None and recipe is not None:
        raise FieldError("--recipe", recipe, "a study of --data is made from the folder", "leave one out")
    if task is not None and data is None:
        raise FieldError("--task", task, "is for what the pictures of --data are", "--data FOLDER")
    recipe = recipe or "scenes"
    if recipe not in known:
        raise FieldError("--recipe", recipe, "unknown recipe", closest(recipe, list(known)))
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}")
    if path.exists():
        raise InputError(f"{path}: is there already; give another name")
    text = known[recipe] if data is None else _proposed(data, task)
    if schema:
        write_text(path.with_name(SCHEMA_FILE), _schema_text())
        text = f"# yaml-language-server: $schema={SCHEMA_FILE}\n{text}"
    write_text(path, text)
    named = shlex.quote(str(path))
    check = "" if data is None else f"look at every file: archspace data check {named}; "
    typer.echo(f"wrote {path}; {check}run it with: archspace search {named}")


def _proposed(data: Path, task: str | None) -> str:
    """The study for a folder or a text; what it holds is said on the way.

    Raises:
        InputError: the folder cannot be understood, or what is written would not run.
    """
    from archspace.support.yaml_text import parse_yaml
    from searches.config.study import parse_config
    from searches.data.looking import look
    from searches.data.proposal import lines, study_text
    from searches.data.text_proposal import is_text, look_at_text, text_lines, text_study

    if is_text(data):
        read = look_at_text(data, task)
        text, said = text_study(read), text_lines(read)
    else:
        seen = look(data, task)
        text, said = study_text(seen), lines(seen)
    parse_config(parse_yaml(text, "study"))
    for line in said:
        typer.echo(line)
    return text


def _schema_text() -> str:
    import json

    from searches.config.schema import study_schema
    from searches.data.dataset import layouts

    return json.dumps(study_schema(layouts()), indent=1) + "\n"


def studies(
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of study.yaml instead, for editors.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the built-in recipes: what each searches, on which data."""
    import json

    if schema:
        typer.echo(_schema_text(), nl=False)
        return
    from archspace.support.terminal import Column, TerminalTable
    from archspace.support.yaml_text import parse_yaml
    from searches.config.study import parse_config, recipes

    rows: dict[str, dict[str, Any]] = {}
    for name, text in recipes().items():
        config = parse_config(parse_yaml(text, name))
        rows[name] = {
            "task": config.task, "data": config.data.layout, "input_size": list(config.input_size),
            "objectives": list(config.objectives), "trials": config.trials,
            "free": [field for field, value in config.space.items() if isinstance(value, dict)],
        }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
        return
    objectives, free = Column("objectives", "text", 1), Column("free fields", "text", 2)
    size, trials = Column("input", "number", 3), Column("trials", "number")
    table = TerminalTable("study", "task", "data", size, objectives, trials, free)
    for name, row in rows.items():
        table.add(
            name, row["task"], row["data"], _input(row["task"], *row["input_size"]), ", ".join(row["objectives"]),
            str(row["trials"]), ", ".join(row["free"]),
        )  # fmt: skip
    table.print()


def _input(task: str, height: int, width: int) -> str:
    return f"{height} tokens" if task == "language" else f"{height} x {width}"
