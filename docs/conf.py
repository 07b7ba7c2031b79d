"""How the documentation is built: ``make docs``. Pages are Markdown; the reference comes from the docstrings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

from archspace import __version__  # noqa: E402
from searches.config.schema import study_schema, training_schema  # noqa: E402
from searches.data.dataset import layouts  # noqa: E402

project = "archspace"
author = copyright = "archspace contributors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "config_fields",
    "public_names",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["evidence/**", "_build"]
# Napoleon looks up the names of attributes loosely; that two classes have an attribute of one name is no fault.
suppress_warnings = ["ref.python"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_display_short_literal_types = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "archspace"
html_static_path = ["_static"]
html_css_files = ["archspace.css"]
html_copy_source = False

_static = ROOT / "docs" / "_static"
for _name, _schema in (("study", study_schema(layouts())), ("train", training_schema())):
    (_static / f"{_name}.schema.json").write_text(json.dumps(_schema, indent=1) + "\n", encoding="utf-8")


def _page_of_a_made_table(app: Sphinx, docname: str, source: list[str]) -> None:
    """Gives the Markdown that commands wrote for the gallery a title; its links are on the gallery's own page."""
    if docname.startswith("gallery/") and docname != "gallery/README":
        name = docname.rpartition("/")[2]
        source[0] = f"---\norphan: true\n---\n\n# Table: {name}\n\n{source[0]}"


def _text_of_a_property(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Keeps Napoleon from reading ``a name: what it is`` as a type and its description."""
    if what in ("attribute", "data", "property") and lines:
        lines.insert(0, "")


def setup(app: Sphinx) -> None:
    """Connects the hooks; ours comes before Napoleon's."""
    app.connect("source-read", _page_of_a_made_table)
    app.connect("autodoc-process-docstring", _text_of_a_property, priority=400)
