"""Runs the parts one after the other, each in a process of its own, the most valuable first: ``make gpu``.

A part that hangs, crashes or breaks the device costs its own evidence alone. What was not reached is named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

PARTS = {
    "hardware": 0.06, "kernels": 0.15, "forms": 0.16, "compiled": 0.24, "units": 0.15, "energy": 0.12, "training": 0.09,
    "engines": 0.03,
}  # fmt: skip
"""Parts in order, and the share of the time that each may take at most; what one leaves goes to those after it."""

MINUTES = 9.0
LAST_S = 5.0
"""Seconds kept for the summary."""


def main() -> int:
    """Returns 0 if every part came to its end."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="on the CPU at tiny sizes: does the code run?")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything (9)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/gpu"), help="folder of the evidence (runs/gpu)"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="these alone, with commas between")
    parser.add_argument("--inside", help=argparse.SUPPRESS)  # the part that this process is
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    names = args.parts.split(",")
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"--parts: {unknown[0]!r}: must be among {', '.join(PARTS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.inside:
        return inside(args.inside, args.out, args.dry, args.seconds)
    if not args.dry:
        import torch

        if not torch.cuda.is_available():
            parser.error("torch finds no CUDA GPU; --dry runs on the CPU")
    return parent(names, args.out, args.dry, args.minutes)


def parent(names: list[str], out: Path, dry: bool, minutes: float) -> int:
    """Runs the parts; the summary is written anew after each."""
    end = time.monotonic() + 60 * minutes - LAST_S
    summary: dict[str, dict[str, object]] = {name: {"state": "not reached"} for name in names}
    for index, name in enumerate(names):
        left = end - time.monotonic()
        waiting = sum(PARTS[other] for other in names[index:])
        seconds = left * PARTS[name] / waiting
        if left < 1:
            break
        summary[name] = _one(name, out, dry, seconds)
        _write(summary, out, dry)
    _write(summary, out, dry)
    for name, told in summary.items():
        print(
            f"{name}: {told['state']}"
            + (f"; left out: {', '.join(told['skipped'])}" if told.get("skipped") else "")
        )  # type: ignore[arg-type]
    return 0 if all(told["state"] == "done" for told in summary.values()) else 1


def _one(name: str, out: Path, dry: bool, seconds: float) -> dict[str, object]:
    command = [
        sys.executable, "-m", "tests.gpu", "--inside", name, "--out", str(out), "--seconds", str(seconds),
        *(["--dry"] if dry else []),
    ]  # fmt: skip
    start = time.monotonic()
    with (out / f"{name}.log").open("w", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                env={**os.environ, "TRITON_INTERPRET": "0"},
            )
            state = "done" if done.returncode == 0 else f"failed: exit code {done.returncode}, see {name}.log"
        except subprocess.TimeoutExpired:
            state = "cut short"
    told = out / f"{name}.skipped.json"
    skipped = json.loads(told.read_text(encoding="utf-8")) if told.exists() else []
    return {"state": state, "seconds": round(time.monotonic() - start, 1), "skipped": skipped}


def inside(name: str, out: Path, dry: bool, seconds: float) -> int:
    """Runs one part in this process."""
    start = time.monotonic()
    part = import_module(f"tests.gpu.{name}")
    from tests.gpu.place import Place

    place = Place(out=out, part=name, dry=dry, deadline=start + seconds - (0 if dry else 2))
    try:
        part.run(place)
    finally:
        (out / f"{name}.skipped.json").write_text(json.dumps(place.skipped), encoding="utf-8")
    return 0


def _write(summary: dict[str, dict[str, object]], out: Path, dry: bool) -> None:
    text = json.dumps({"dry": dry, "parts": summary}, indent=1) + "\n"
    (out / "summary.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
