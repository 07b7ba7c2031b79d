"""Sphinx directive ``public-names``: everything that a package exports in ``__all__``, from its docstrings."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from archspace.support.lazy import home_of


def directive_of(value: object) -> str:
    """Returns the autodoc directive that shows ``value``."""
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, Exception) else "autoclass"
    return "autofunction" if callable(value) else "autodata"


class PublicNames(SphinxDirective):
    """``{public-names} package``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Each name's own documentation."""
        package = import_module(self.arguments[0])
        lines = ["```{eval-rst}"]
        for name in getattr(package, "__all__", ()):
            directive = directive_of(getattr(package, name))
            if directive == "autodata":  # its words stand where it is defined
                home = home_of(self.arguments[0], name)
                lines += [f".. autodata:: {'.'.join(home)}", "   :no-value:", ""]
            else:
                lines += [f".. {directive}:: {self.arguments[0]}.{name}", ""]
        return self.parse_text_to_nodes("\n".join([*lines, "```"]))


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directive."""
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
