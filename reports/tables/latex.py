"""Tables as LaTeX with booktabs: a fragment for a paper, and a document that shows all of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from reports.tables.layout import Head, Layout, Line, Shown, lay_out
from reports.tables.table import Table

PACKAGES = ("booktabs", "longtable", "xcolor")
"""What a document that takes a fragment in has to load."""

LONG = 45
"""A table of more rows than these runs over several pages."""

_ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "{''}", "-": "{-}", "`": r"\`{}",
    "–": "--", "—": "---", "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "∞": r"$\infty$",
    "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\rightarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "µ": r"$\mu$",
    "μ": r"$\mu$", "°": r"$^{\circ}$", "²": r"$^{2}$", "³": r"$^{3}$", "…": r"\ldots{}", "‘": "`", "’": "'",
    "“": "``", "”": "''", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ł": r"\l{}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030a": "r", "\u0327": "c",
    "\u030c": "v", "\u0304": "=",
}  # fmt: skip


def escape(text: str) -> str:
    """Returns text from outside as LaTeX in plain ASCII.

    A letter that LaTeX's own fonts lack becomes its number, [U+4E2D].
    """
    return "".join(_letter(letter) for letter in " ".join(text.split()))


def _letter(letter: str) -> str:
    if letter in _ESCAPED:
        return _ESCAPED[letter]
    if letter.isascii():
        return letter if letter.isprintable() else ""
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"[U+{ord(letter):04X}]"


def latex(table: Table) -> str:
    r"""Returns a fragment to ``\input``: a ``table`` with a caption, or a ``longtable``; legend and footnotes below."""
    layout = lay_out(table)
    width = len(table.labels) + len(table.columns)
    spec = "l" * len(table.labels) + "r" * len(table.columns)
    heads = [escape(title) for title in table.labels] + [_head(head) for head in layout.heads]
    header = f"\\toprule\n{_row(heads)}\\midrule"
    body = "\n".join(_line(line) for line in layout.lines)
    needs = ", ".join(PACKAGES)
    caption = f"\\caption{{{escape(table.title)}}}\\label{{tab:{table.name}}}"
    if len(layout.lines) > LONG:
        more = f"\\midrule \\multicolumn{{{width}}}{{r}}{{\\footnotesize continued}}\\\\"
        inner = (
            f"{{\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n\\begin{{longtable}}{{{spec}}}\n{caption}\\\\\n"
            f"{header}\n\\endfirsthead\n{header}\n\\endhead\n{more}\n\\endfoot\n\\bottomrule\n\\endlastfoot\n"
            f"{body}\n\\end{{longtable}}\n}}\n{_below(layout)}"
        )
        return f"% needs packages {needs}\n{inner}"
    return (
        f"% needs packages {needs}\n\\begin{{table}}[htbp]\n\\centering\\scriptsize\n"
        f"\\setlength{{\\tabcolsep}}{{3pt}}\n{caption}\n\\begin{{tabular}}{{{spec}}}\n{header}\n{body}\n\\bottomrule\n"
        f"\\end{{tabular}}\n\n{_below(layout)}\\end{{table}}\n"
    )


def latex_document(tables: Sequence[Table]) -> str:
    r"""Returns a document of its own that takes in each table's fragment, ``NAME.tex`` beside it."""
    packages = "".join(f"\\usepackage{{{name}}}\n" for name in PACKAGES)
    inputs = "".join(f"\\input{{{table.name}.tex}}\n\\clearpage\n" for table in tables)
    return (
        "\\documentclass{article}\n\\usepackage[a4paper,landscape,margin=15mm]{geometry}\n"
        f"{packages}\\begin{{document}}\n{inputs}\\end{{document}}\n"
    )


def _below(layout: Layout) -> str:
    lines = [escape(text) for text in layout.legend]
    lines += [f"[{index}]~{escape(note)}" for index, note in enumerate(layout.footnotes, 1)]
    text = "\\par\n".join(lines)
    return f"\\begingroup\\scriptsize\\raggedright\\sloppy\\setlength{{\\parindent}}{{0pt}}\n{text}\\par\n\\endgroup\n"


def _head(head: Head) -> str:
    return escape(head.text) + (f"$^{{\\mathrm{{{head.mark}}}}}$" if head.mark else "")


def _line(line: Line) -> str:
    name, *others = (escape(label) for label in line.labels)
    cells = [name + _notes(line.notes), *others, *(_cell(cell) for cell in line.cells)]
    return _row(
        [f"\\textcolor{{gray}}{{{cell}}}" if cell and line.dominated else cell for cell in cells]
    ).rstrip("\n")


def _cell(cell: Shown) -> str:
    text = escape(cell.text) if cell.value is None else _number(cell.text)
    text = f"\\textbf{{{text}}}" if cell.best else text
    return text + (f"$^{{\\mathrm{{{cell.mark}}}}}$" if cell.mark else "") + _notes(cell.notes)


def _number(text: str) -> str:
    return f"${text}$" if text.startswith("-") else escape(text)


def _notes(numbers: Sequence[int]) -> str:
    return f"~{{\\tiny[{','.join(map(str, numbers))}]}}" if numbers else ""


def _row(cells: Sequence[str]) -> str:
    # A row that began with a bracket would be read as the option of the line break before it.
    return f"{{}}{' & '.join(cells)} \\\\\n"
