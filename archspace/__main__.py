"""The command line: mounts each package's commands. The one file that may import sideways, and only commands."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_name

from archspace.support.errors import FieldError, InputError
from archspace.support.interrupts import INTERRUPTED, exit_code, sigterm_as_interrupt
from archspace.support.options import PANELS
from archspace.support.shadowing import require_ours

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What the command line raises for a wrong option or argument; its home moved with typer's versions."""

SIBLINGS = ("analysis", "searches", "reports")
COMMANDS = ("searches.cli.commands", "reports.cli.commands", "analysis.cli.commands")


PLUGIN = "--plugin"
PluginOption = Annotated[
    list[str] | None,
    typer.Option(
        PLUGIN, metavar="MODULE", help="Load a plug-in; before or after the command, may be repeated."
    ),
]


class Commands(TyperGroup):
    """The group of all commands, in the order of their panels; takes ``--plugin`` before and after a command's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Moves every ``--plugin MODULE`` to the front, where it is an option of the group."""
        first, rest = plugins_first(args)
        return super().parse_args(ctx, [*first, *rest])

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; the exit code of one that was interrupted says by what, which Typer does not ask."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Exit(exit_code(error)) from error

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns names of the commands, those of a panel together; commands without one come last."""

        def place(name: str) -> int:
            panel = getattr(self.commands[name], "rich_help_panel", None)
            return PANELS.index(panel) if panel in PANELS else len(PANELS)

        return sorted(super().list_commands(ctx), key=place)


def plugins_first(words: list[str]) -> tuple[list[str], list[str]]:
    """Returns the words of ``--plugin`` options and the other words; after ``--`` nothing is an option.

    >>> plugins_first(["search", "--plugin", "ghostkit", "study.yaml"])
    (['--plugin', 'ghostkit'], ['search', 'study.yaml'])
    """
    end = words.index("--") if "--" in words else len(words)
    first: list[str] = []
    rest: list[str] = []
    left = iter(words[:end])
    for word in left:
        if word == PLUGIN:
            module = next(left, None)
            if module is None:
                raise FieldError(PLUGIN, module, "needs the name of a module", "--plugin ghostkit")
            first += [word, module]
        else:
            (first if word.startswith(f"{PLUGIN}=") else rest).append(word)
    return first, [*rest, *words[end:]]


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """Returns the command line with every package's commands.

    Args:
        words: of a call; where they name a command, it is the only one: making them all takes longer than many run.
    """
    from importlib import import_module

    app = typer.Typer(
        name="archspace",
        cls=Commands,
        help="Search, measure, compare and export efficient vision networks of the ESPNet line.",
        pretty_exceptions_enable=False,
    )

    @app.callback(invoke_without_command=True)
    def root(
        context: typer.Context,
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
        plugin: PluginOption = None,
    ) -> None:
        if version:
            from archspace import __version__

            typer.echo(__version__)
        elif context.invoked_subcommand is None:
            typer.echo(context.get_help())
        else:
            from archspace.support.plugins import load_plugins

            load_plugins()
            load_plugins(plugin or ())

    for module in COMMANDS:
        import_module(module).register(app)
    name = next(iter(plugins_first(list(words))[1]), "")
    asked = [one for one in app.registered_commands if name == (one.name or _own_name(one.callback))]
    if asked:
        app.registered_commands, app.registered_groups = asked, []
    return app


def _own_name(function: Callable[..., object] | None) -> str:
    return "" if function is None else get_command_name(function.__name__)


def load_early(words: list[str]) -> None:
    """Loads the plug-ins before the commands are made: a command has options for a plug-in's quantities too."""
    from archspace.support.plugins import load_plugins

    first, _ = plugins_first(words)
    load_plugins()
    load_plugins(word.removeprefix(f"{PLUGIN}=") for word in first if word != PLUGIN)


def usage_line(error: Exception) -> str:
    """Returns what is wrong with an option or an argument, with its value, and which help says more.

    Typer checks values by Pydantic, whose texts leave out the value and the bound that it breaks.
    """
    said = " ".join(getattr(error, "format_message", error.__str__)().split()).rstrip(".")
    said = said.replace("Value error, ", "") or "a command is missing"
    found: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    if found and (value := repr(found[0]["input"])) not in said:
        hint, _, rule = said.partition(": ")
        said = f"{hint}: {value}: {rule[:1].lower()}{rule[1:]}"
        bounds = found[0].get("ctx", {})
        said += "".join(f"; nearest valid: {bounds[name]}" for name in ("ge", "le") if name in bounds)
    words: list[str] = []
    context = getattr(error, "ctx", None)
    while context is not None and context.parent is not None:
        words.insert(0, context.info_name)
        context = context.parent
    return f"{said}; see '{' '.join(['archspace', *words, '--help'])}'"


def main() -> None:
    """Runs the command line; what the user did wrong is one line and exit code 2, Ctrl-C is 130, SIGTERM 143."""
    # On a busy machine, OpenMP threads that spin while they wait slow training with two threads ninefold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with suppress(ValueError, OSError):  # standard error may be no file
        if not faulthandler.is_enabled():
            faulthandler.enable()  # a mapped file that is cut, as of a cache, ends a process by SIGBUS: say where
    try:
        with sigterm_as_interrupt():
            require_ours(*SIBLINGS)
            load_early(sys.argv[1:])
            sys.exit(make_app(sys.argv[1:])(standalone_mode=False) or 0)
    except typer.Abort:  # Ctrl-C, or the end of the input, where a command asks
        sys.exit(INTERRUPTED)
    except USAGE_ERROR as error:
        print(f"archspace: {usage_line(error)}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except InputError as error:
        print(f"archspace: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt as error:
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
