"""The door: mounts each package's commands. The one file that may import sideways, and only commands."""

from __future__ import annotations

import os
import sys

import typer

from archspace.errors import InputError

COMMANDS = ("searches.commands", "reports.commands", "analysis.commands")


def make_app() -> typer.Typer:
    """The command line with every package's commands."""
    from importlib import import_module

    app = typer.Typer(
        name="archspace",
        help="Search, measure, compare and export efficient vision networks of the ESPNet line.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def door(
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
    ) -> None:
        if version:
            from archspace import __version__

            typer.echo(__version__)
            raise typer.Exit

    for module in COMMANDS:
        import_module(module).register(app)
    return app


def main() -> None:
    """Runs the command line; what the user did wrong is one line and exit code 2, Ctrl-C is 130."""
    # On a busy machine, OpenMP threads that spin while they wait slow training with two threads ninefold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        make_app()()
    except InputError as error:
        print(f"archspace: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
