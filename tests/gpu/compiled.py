"""The table's forms that torch.compile makes: minutes each, so they have a part of their own."""

from __future__ import annotations

from tests.gpu.forms import NETWORKS, Row, table
from tests.gpu.place import Place

FORMS = (
    "compile-max",
    "compile",
    "fused-compile-graph",
    "compile-graph",
    "fused-compile",
    "compile-max-channels-last",
)
LEAST_S = 25.0


def run(place: Place) -> None:
    """Writes a row a form: of the first network, then of the others, then in float16."""
    first, *others = NETWORKS
    rows: list[Row] = [(*first, form, "float32", 1) for form in (FORMS[2:3] if place.dry else FORMS)]
    if not place.dry:
        rows += [(*network, form, "float32", 1) for network in others for form in FORMS[:2]]
        rows += [(*first, form, "float16", 1) for form in FORMS[:3]]
    table(place, rows, LEAST_S)
