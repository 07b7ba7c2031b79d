"""The command line: mounts each package's commands. The one file that may import sideways, and only commands."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from archspace.support.errors import InputError
from archspace.support.options import PANELS
from archspace.support.shadowing import require_ours

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What the command line raises for a wrong option or argument; its home moved with typer's versions."""

SIBLINGS = ("analysis", "searches", "reports")
COMMANDS = ("searches.cli.commands", "reports.cli.commands", "analysis.cli.commands")


class PanelGroup(TyperGroup):
    """The commands in the order of their panels."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, those of a panel together; commands without one come last."""

        def place(name: str) -> int:
            panel = getattr(self.commands[name], "rich_help_panel", None)
            return PANELS.index(panel) if panel in PANELS else len(PANELS)

        return sorted(super().list_commands(ctx), key=place)


def make_app() -> typer.Typer:
    """The command line with every package's commands."""
    from importlib import import_module

    app = typer.Typer(
        name="archspace",
        cls=PanelGroup,
        help="Search, measure, compare and export efficient vision networks of the ESPNet line.",
        pretty_exceptions_enable=False,
    )

    @app.callback(invoke_without_command=True)
    def root(
        context: typer.Context,
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
    ) -> None:
        if version:
            from archspace import __version__

            typer.echo(__version__)
        elif context.invoked_subcommand is None:
            typer.echo(context.get_help())

    for module in COMMANDS:
        import_module(module).register(app)
    return app


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def main() -> None:
    """Runs the command line; what the user did wrong is one line and exit code 2, Ctrl-C is 130."""
    # On a busy machine, OpenMP threads that spin while they wait slow training with two threads ninefold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        require_ours(*SIBLINGS)
        sys.exit(make_app()(standalone_mode=False) or 0)
    except typer.Abort:
        sys.exit(130)
    except USAGE_ERROR as error:
        text = getattr(error, "format_message", error.__str__)()
        print(f"archspace: {_one_line(text)}; see 'archspace COMMAND --help'", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except InputError as error:
        print(f"archspace: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
