"""TensorRT: engines of our ONNX files, where trtexec is."""

from __future__ import annotations

from typing import cast

from analysis.devices.local import LocalDevice
from analysis.devices.settings import Precision, Settings
from analysis.runtimes import RUNTIMES
from tests.gpu.forms import NETWORKS, target_of
from tests.gpu.place import Place


def run(place: Place) -> None:
    """Writes a row an engine; or why there is none."""
    reason = RUNTIMES["tensorrt"].unavailable(place.device)
    if reason is not None:
        place.note(what="tensorrt", not_run=reason)
        return
    for name, size in NETWORKS:
        for precision in ("float32", "float16"):
            if not place.allows(60, f"{name} {precision}"):
                continue
            settings = Settings(
                runtime="tensorrt", precision=cast("Precision", precision), power=False, attempts=1
            )
            try:
                record = LocalDevice("cuda").measure(target_of(place, name, size), settings)
                place.note(what="engine", network=name, precision=precision, ms=record.latency_ms.median)
            except Exception as error:  # the next engine is tried
                place.note(what="engine", network=name, precision=precision, failed=repr(error)[:500])
