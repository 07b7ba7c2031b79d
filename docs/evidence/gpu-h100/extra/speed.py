"""Steps a second of training ESPNet on CamVid, by batch, precision and form; the first call of a compiled form apart.

Use: python speed.py --device cuda --data data/camvid --out speed.json [--seconds 3] [--only NAME]
"""

import argparse
import json
import time
import traceback
from pathlib import Path

import numpy as np
import torch

from archspace.build import build
from searches.loading import load_task
from searches.train import resolved
from searches.training.feeding import feed
from searches.training.loop import encoder_alone
from searches.training.steps import Stepper

FORMS = {
    "c eager b12": (0, {"batch": 12}),
    "eager b6": (1, {"batch": 6}),
    "eager b16": (1, {"batch": 16}),
    "eager b16 bf16": (1, {"batch": 16, "precision": "bfloat16"}),
    "eager b6 contiguous": (1, {"batch": 6, "channels_last": False}),
    "compile b16": (1, {"batch": 16, "compile": True}),
    "compile b16 bf16": (1, {"batch": 16, "compile": True, "precision": "bfloat16"}),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", default="data/camvid")
    parser.add_argument("--out", default="speed.json")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--input", default="360x480")
    parser.add_argument("--only", action="append")
    args = parser.parse_args()
    size = tuple(map(int, args.input.split("x")))
    config = resolved("espnet", "espnet", {"data.root": str(Path(args.data).resolve())}, size)
    start = time.perf_counter()
    task, spec = load_task(config)
    print("loaded", round(time.perf_counter() - start, 2), "s", flush=True)
    report = {}
    for name, (number, fields) in FORMS.items():
        if args.only and name not in args.only:
            continue
        try:
            stage = config.training.plan()[number].model_copy(update=fields)
            torch.manual_seed(0)
            network = build(spec)
            stepper = Stepper(
                encoder_alone(network) if number == 0 else network,
                task,
                stage,
                torch.device(args.device),
                None,
            )
            stepper.train()
            if args.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            order = [
                index
                for seed in range(50)
                for index in task.order(stage, np.random.default_rng(seed))
                if len(index) == stage.batch
            ]
            begun = time.perf_counter()
            first, steps, images, waited = None, 0, 0, 0.0
            for number_, fed in enumerate(feed(task, ((index, task.size(stage)) for index in order))):
                stepper.step(fed.raw, fed.size, 1e-4, (0, 0, 0, number_), "")
                if number_ == 2:
                    first, begun = time.perf_counter() - begun, time.perf_counter()
                elif number_ > 2:
                    steps, images, waited = steps + 1, images + len(fed.raw), waited + fed.waited
                    if time.perf_counter() - begun > args.seconds:
                        break
            spent = time.perf_counter() - begun
            report[name] = {
                "first_three_s": first,
                "steps_per_s": steps / spent,
                "images_per_s": images / spent,
                "waiting": waited / spent,
                "peak_mib": torch.cuda.max_memory_allocated() / 2**20 if args.device == "cuda" else None,
            }
        except BaseException as error:
            report[name] = {"failed": repr(error)[:400], "traceback": traceback.format_exc()[-3000:]}
        Path(args.out).write_text(json.dumps(report, indent=1))
        print(name, json.dumps(report[name])[:600], flush=True)


main()
