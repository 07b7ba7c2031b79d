"""Commands of archspace on a device, one after the other in one process: exit code, seconds, output, traceback.

Use: python commands.py --device cuda --out commands.json [--group train]
"""

import argparse
import io
import json
import os
import sys
import time
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

STUDY = """
name: tiny
task: segmentation
data: {layout: scenes, input_size: [48, 64], train: 32, val: 16}
space:
  network: {choices: [espnet-c, espnetv2]}
  width: {low: 0.25, high: 0.5, step: 0.25}
  alphas: {low: 0, high: 1, per_level: true}
objectives: [miou, latency_ms, energy_mj]
measure: {device: DEVICE, runs: 10, attempts: 1, idle_s: 1.0, busy_s: 2.0, again: false}
sampler: {name: tpe, startup: 2}
trials: 2
training: {epochs: 1, batch: 8}
device: DEVICE
"""
FEW = "data: {layout: scenes, input_size: [96, 128], train: 48, val: 16}\n"
SEGMENT = "name: few\n" + FEW + "training: {epochs: 2, batch: 8, evaluate_every: 1}\n"
SSD = "name: few-ssd\n" + FEW + "training: {epochs: 2, batch: 8, zoom: [0.5, 2.0], colour: 0.3}\n"
ESPNET = (
    "name: few-espnet\n"
    + FEW
    + (
        "training: {batch: 6, optimizer: adam, zoom: [1.0, 1.1], sizes: [[96, 128], [64, 96]],"
        " stages: [{epochs: 1, encoder_only: true, coarse_labels: true}, {epochs: 1}]}\n"
    )
)
LABELS = "name: few-labels\n" + FEW + "training: {epochs: 1, batch: 16, positive_weights: true}\n"


def groups(d: str) -> dict[str, list[list[str]]]:
    return {
        "segmentation": [
            [
                "train",
                "espnetv2-seg-0.5",
                "--recipe",
                "few.yaml",
                "--input",
                "96x128",
                "--device",
                d,
                "--tensorboard",
                "--out",
                "runs/scenes",
                "--json",
            ],
            ["train", "runs/scenes", "--device", d, "--json"],
            ["evaluate", "runs/scenes/weights.safetensors", "--layout", "scenes", "--device", d, "--json"],
            [
                "evaluate",
                "runs/scenes/weights.safetensors",
                "--layout",
                "scenes",
                "--device",
                "cpu",
                "--json",
            ],
            [
                "train",
                "espnetv2-seg-0.5",
                "--recipe",
                "few.yaml",
                "--input",
                "96x128",
                "--device",
                d,
                "--range-test",
                "--range-steps",
                "20",
                "--out",
                "runs/range",
                "--json",
            ],
            [
                "train",
                "espnet",
                "--recipe",
                "few-espnet.yaml",
                "--input",
                "96x128",
                "--device",
                d,
                "--out",
                "runs/espnet",
                "--json",
            ],
            [
                "demo",
                "runs/scenes/weights.safetensors",
                "photo.jpg",
                "--device",
                d,
                "--out",
                "demo.png",
                "--json",
            ],
        ],
        "others": [
            [
                "train",
                "espnetv2-0.5",
                "--recipe",
                "few-labels.yaml",
                "--input",
                "96x128",
                "--device",
                d,
                "--out",
                "runs/ml",
                "--json",
            ],
            ["evaluate", "runs/ml/weights.safetensors", "--layout", "scenes", "--device", d, "--json"],
            [
                "train",
                "espnetv2-0.5",
                "--recipe",
                "cifar10",
                "--layout",
                "digits",
                "--input",
                "32x32",
                "--epochs",
                "1",
                "--device",
                d,
                "--out",
                "runs/digits",
                "--json",
            ],
            [
                "train",
                "eru-7m",
                "--recipe",
                "ptb",
                "--data",
                "text",
                "--epochs",
                "1",
                "--device",
                d,
                "--out",
                "runs/text",
                "--json",
            ],
            [
                "evaluate",
                "runs/text/weights.safetensors",
                "--data",
                "text",
                "--split",
                "test",
                "--device",
                d,
                "--json",
            ],
            [
                "train",
                "espnetv2-ssd300-voc",
                "--recipe",
                "few-ssd.yaml",
                "--input",
                "128x160",
                "--device",
                d,
                "--tensorboard",
                "--out",
                "runs/ssd",
                "--json",
            ],
            ["evaluate", "runs/ssd/weights.safetensors", "--layout", "scenes", "--device", d, "--json"],
            ["evaluate", "runs/ssd/weights.safetensors", "--layout", "scenes", "--device", "cpu", "--json"],
        ],
        "search": [
            ["search", "tiny.yaml", "--device", d, "--out", "runs/tiny", "--json"],
            [
                "search",
                "tiny.yaml",
                "--device",
                d,
                "--workers",
                "2",
                "--trials",
                "3",
                "--out",
                "runs/tiny2",
                "--json",
            ],
            [
                "compare",
                "networks",
                "espnetv2-seg-0.5",
                "espnet-c-2-3",
                "--layout",
                "scenes",
                "--input",
                "64x64",
                "--images",
                "32",
                "--recipe",
                "scenes",
                "--epochs",
                "1",
                "--device",
                d,
                "--measure-on",
                d,
                "--out",
                "runs/cmp",
                "--json",
            ],
        ],
        "measure": [
            ["measure", "eru-7m", "--device", d, "--runs", "20", "--no-power", "--json"],
            ["measure", "espnetv2-ssd300-voc", "--device", d, "--runs", "20", "--no-power", "--json"],
            [
                "measure",
                "dicenet-seg-1.0",
                "--device",
                d,
                "--precision",
                "float16",
                "--runs",
                "20",
                "--no-power",
                "--json",
            ],
            [
                "measure",
                "espnetv2-0.5",
                "--device",
                d,
                "--precision",
                "bfloat16",
                "--batch",
                "32",
                "--runs",
                "20",
                "--no-power",
                "--json",
            ],
            [
                "measure",
                "espnetv2-0.5",
                "--device",
                d,
                "--runtime",
                "onnxruntime",
                "--runs",
                "5",
                "--no-power",
            ],
            ["measure", "espnetv2-0.5", "--device", d + ":7", "--runs", "5", "--no-power"],
            ["doctor", d, "--json"],
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", default="commands.json")
    parser.add_argument("--group", action="append")
    args = parser.parse_args()
    from PIL import Image

    from archspace.errors import InputError
    from archspace.__main__ import make_app

    Path("few.yaml").write_text(SEGMENT)
    Path("few-labels.yaml").write_text(LABELS)
    Path("few-ssd.yaml").write_text(SSD)
    Path("few-espnet.yaml").write_text(ESPNET)
    Path("tiny.yaml").write_text(STUDY.replace("DEVICE", args.device))
    if not Path("photo.jpg").exists():
        import numpy as np

        Image.fromarray((np.random.default_rng(0).random((96, 128, 3)) * 255).astype("uint8")).save(
            "photo.jpg"
        )
    if not Path("text").exists():
        import random

        rng = random.Random(0)
        Path("text").mkdir()
        for name, lines in (("train", 400), ("valid", 60), ("test", 60)):
            Path("text", f"{name}.txt").write_text(
                "\n".join(" ".join(f"w{rng.randrange(200)}" for _ in range(20)) for _ in range(lines)) + "\n"
            )
    report = []
    for group, commands in groups(args.device).items():
        if args.group and group not in args.group:
            continue
        for command in commands:
            out, err, start = io.StringIO(), io.StringIO(), time.perf_counter()
            row = {"command": "archspace " + " ".join(command)}
            sys.argv = ["archspace", *command]
            with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    row["exit"] = make_app()(command, standalone_mode=False) or 0
                except InputError as error:
                    row["exit"], row["refused"] = 2, str(error)
                except SystemExit as error:
                    row["exit"] = error.code
                except BaseException as error:
                    row["exit"], row["traceback"] = 1, traceback.format_exc()[-4000:]
                    row["failed"] = repr(error)[:400]
            row["seconds"] = round(time.perf_counter() - start, 2)
            row["warnings"] = sorted(
                {
                    f"{w.category.__name__}: {str(w.message)[:300]} ({Path(w.filename).name}:{w.lineno})"
                    for w in caught
                }
            )
            row["stdout"], row["stderr"] = out.getvalue()[-3000:], err.getvalue()[-1500:]
            report.append(row)
            Path(args.out).write_text(json.dumps(report, indent=1))
            print(
                row["exit"],
                row["seconds"],
                row["command"][:110],
                row.get("refused", row.get("failed", ""))[:200],
                flush=True,
            )


main()
