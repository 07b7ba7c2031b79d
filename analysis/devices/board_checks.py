"""The lines of ``archspace doctor ssh://...``: what a board can do and what is missing, from what its agent saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.devices.base import Check

LEAST_FREE_BYTES = 512 * 2**20
MOST_BUSY_CORES = 0.5
HOT_C = 80.0


def checks(board: Mapping[str, Any]) -> list[Check]:
    """Returns one line for each thing the agent looked at."""
    return [*_state(board["conditions"]), *_software(board), *_clocks(board), *_sensors(board), *_room(board)]


def _state(state: Mapping[str, Any]) -> Iterator[Check]:
    names = (
        "model",
        "l4t",
        "power_mode",
        "governor",
        "gpu_governor",
        "cpu_mhz",
        "gpu_mhz",
        "emc_mhz",
        "gpu_load",
    )
    for name in names:
        if name in state:
            value = state[name]
            detail = (
                ", ".join(f"{k} {v:g}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            )
            yield Check(name=name, state="ok", detail=detail)
        else:
            yield Check(name=name, state="missing", detail=state["missing"].get(name, "not read"))
    zones = state.get("temperature_c")
    if zones:
        hot = max(zones.values()) > HOT_C and "let the board cool, or the clocks will fall"
        detail = ", ".join(f"{zone} {degrees:g} C" for zone, degrees in zones.items())
        yield Check(name="temperature", state="warning" if hot else "ok", detail=detail, fix=hot or None)
    else:
        yield Check(
            name="temperature", state="missing", detail=state["missing"].get("temperature_c", "not read")
        )


def _software(board: Mapping[str, Any]) -> Iterator[Check]:
    yield Check(name="python", state="ok", detail=board["python"])
    tool, ort = board["trtexec"], board["onnxruntime"]
    if tool:
        yield Check(name="trtexec", state="ok", detail=f"TensorRT {tool['version']} at {tool['path']}")
    else:
        fix = "install TensorRT (JetPack has it); onnxruntime is used meanwhile"
        yield Check(name="trtexec", state="missing", detail="in no usual place", fix=fix)
    if "error" in ort:
        yield Check(
            name="onnxruntime",
            state="missing",
            detail=ort["error"],
            fix=None if tool else "install onnxruntime",
        )
    else:
        detail = f"{ort['version']} with numpy {ort['numpy']}; {', '.join(ort['providers'])}"
        yield Check(name="onnxruntime", state="ok", detail=detail)


def _clocks(board: Mapping[str, Any]) -> Iterator[Check]:
    for name, held in board["pinned"].items():
        if held is None:
            yield Check(
                name=f"{name} pinned", state="missing", detail="the limits of its clock cannot be read"
            )
        elif held:
            yield Check(name=f"{name} pinned", state="ok", detail="lowest clock allowed is the highest")
        else:
            fix = "sudo jetson_clocks, after sudo nvpmodel -m MODE"
            yield Check(name=f"{name} pinned", state="warning", detail="its clock may change", fix=fix)


def _sensors(board: Mapping[str, Any]) -> Iterator[Check]:
    for sensor in board["sensors"]:
        total = " + ".join(sensor["total"]) or "none of them is the whole device"
        yield Check(name=sensor["name"], state="ok", detail=f"{', '.join(sensor['rails'])}; total: {total}")
    for name, reason in board["missing"].items():
        yield Check(name=name, state="missing", detail=reason)


def _room(board: Mapping[str, Any]) -> Iterator[Check]:
    free = board["disk_free_bytes"]
    low = free < LEAST_FREE_BYTES
    detail = f"{free / 2**20:.0f} MiB free in {board['temporary']}"
    fix = "free some space, or set TMPDIR on the board" if low else None
    yield Check(name="disk", state="warning" if low else "ok", detail=detail, fix=fix)
    busy = board["busy_cores"]
    if busy is None:
        yield Check(name="load", state="missing", detail="/proc/stat cannot be read")
        return
    high = busy > MOST_BUSY_CORES
    detail = f"{busy:g} of {board['cpus']} processors busy"
    yield Check(
        name="load",
        state="warning" if high else "ok",
        detail=detail,
        fix="end other work on the board" if high else None,
    )
