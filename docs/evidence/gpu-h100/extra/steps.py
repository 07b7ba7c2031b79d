"""One training step on two devices from the same weights: loss, gradients and batch-norm statistics; then autocast.

Use: python steps.py --device cuda --out steps.json
"""

import argparse
import json
import random
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from archspace.build import build
from searches.loading import load_task
from searches.train import resolved
from searches.training.loop import encoder_alone
from searches.training.steps import Stepper

FIELDS = {"training.epochs": 1}
CASES = {
    # name: (network, recipe, changes, input, stage)
    "espnet decoder": ("espnet", "espnet", {"data.layout": "scenes", "training.batch": 6}, (96, 128), 1),
    "espnet-c coarse labels": (
        "espnet",
        "espnet",
        {"data.layout": "scenes", "training.batch": 12},
        (96, 128),
        0,
    ),
    "espnetv2 segmentation": ("scenes", None, {}, None, 0),
    "dicenet segmentation": ("dicenet-seg-1.0", "scenes", {}, (96, 128), 0),
    "esnet": ("esnet", "scenes", {}, (96, 128), 0),
    "erfnet": ("erfnet", "scenes", {}, (96, 128), 0),
    "enet": ("enet", "scenes", {}, (96, 128), 0),
    "espnetv2 multilabel": ("scenes-multilabel", None, {}, None, 0),
    "espnetv2 classification": (
        "espnetv2-0.5",
        "cifar10",
        {"data.layout": "digits", "training.batch": 32},
        (32, 32),
        0,
    ),
    "espnetv2 ssd": (
        "espnetv2-ssd300-voc",
        "ssd",
        {"data.layout": "scenes", "training.batch": 8},
        (128, 160),
        0,
    ),
    "eru language model": ("eru-7m", "ptb", {"data.root": "text"}, None, 0),
}


def write_text_data(folder: Path) -> None:
    rng = random.Random(0)
    folder.mkdir(exist_ok=True)
    words = [f"w{i}" for i in range(200)]
    for name, lines in (("train", 400), ("valid", 60), ("test", 60)):
        (folder / f"{name}.txt").write_text(
            "\n".join(" ".join(rng.choice(words) for _ in range(20)) for _ in range(lines)) + "\n"
        )


def made(case: str):
    what, recipe, changes, size, number = CASES[case]
    few = {} if "text" in str(changes.get("data.root")) else {"data.train": 48, "data.val": 16}
    config = resolved(what, recipe, {**few, **changes}, size)
    task, spec = load_task(config)
    torch.manual_seed(0)
    network = build(spec)
    stage = config.training.plan()[number]
    if stage.encoder_only:
        network = encoder_alone(network)
    for module in network.modules():
        if hasattr(module, "p") and isinstance(module, nn.Dropout | nn.Dropout2d | nn.Dropout1d):
            module.p = 0.0
    return task, network, stage


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.double().cpu(), b.double().cpu()
    return float((a - b).norm() / b.norm().clamp(min=1e-30))


def one(task, network, stage, device, steps=1, repeat=False):
    stepper = Stepper(network, task, stage, torch.device(device), None)
    stepper.train()
    order = task.order(stage, np.random.default_rng(0))
    losses, grads = [], None
    size = task.size(stage)
    for step in range(steps):
        raw = task.gather(order[0 if repeat else step % len(order)])
        losses.append(
            stepper.step(raw, size, stage.lr * 0.1, (0, 0, 0, 0 if repeat else step), f"step {step}")
        )
        if grads is None:
            grads = {
                n: p.grad.detach().clone()
                for n, p in stepper.network.named_parameters()
                if p.grad is not None
            }
    buffers = {n: b.clone() for n, b in stepper.network.named_buffers() if b.is_floating_point()}
    return losses, grads, buffers, stepper


def compared(case: str, device: str) -> dict:
    found, start = [], time.perf_counter()
    for name in ("cpu", device):
        task, network, stage = made(case)
        found.append(one(task, network, stage, name, 3)[:3])
    (l0, g0, b0), (l1, g1, b1) = found
    whole0, whole1 = (torch.cat([g.flatten().double().cpu() for g in gs.values()]) for gs in (g0, g1))
    worst = sorted(
        ((relative(g1[n], g0[n]), n) for n in g0 if g0[n].norm() > 1e-6 * whole0.norm()), reverse=True
    )[:3]
    stats = max((relative(b1[n], b0[n]) for n in b0 if b0[n].numel()), default=0.0)
    return {
        "loss_cpu": l0,
        "loss_device": l1,
        "loss_rel": max(abs(a - b) / abs(a) for a, b in zip(l0, l1)),
        "first_loss_rel": abs(l0[0] - l1[0]) / abs(l0[0]),
        "gradient_rel": relative(whole1, whole0),
        "worst_gradients": worst,
        "buffers_rel_after_3_steps": stats,
        "seconds": time.perf_counter() - start,
    }


def precise(case: str, device: str, **fields) -> dict:
    task, network, stage = made(case)
    stage = stage.model_copy(update=fields)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses, _, _, stepper = one(task, network, stage, device, 8, repeat=True)
    return {
        "losses": losses,
        "falls": losses[-1] < losses[0],
        "scale": stepper.scaler.get_scale(),
        "seconds": time.perf_counter() - start,
        "warnings": sorted({str(w.message)[:300] for w in caught}),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", default="steps.json")
    parser.add_argument("--case", action="append")
    parser.add_argument("--kinds", default="float32,bfloat16,float16")
    args = parser.parse_args()
    torch.set_num_threads(2)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    write_text_data(Path("text"))
    report: dict = {}

    def note(name: str, call) -> None:
        try:
            report[name] = call()
        except BaseException as error:
            report[name] = {"failed": repr(error)[:500], "traceback": traceback.format_exc()[-3500:]}
        Path(args.out).write_text(json.dumps(report, indent=1))
        r = report[name]
        short = {
            k: (f"{v:.3g}" if isinstance(v, float) else v)
            for k, v in r.items()
            if k
            in (
                "loss_rel",
                "first_loss_rel",
                "gradient_rel",
                "buffers_rel_after_3_steps",
                "falls",
                "scale",
                "failed",
                "seconds",
                "warnings",
            )
        }
        print(name, short, flush=True)

    for case in args.case or CASES:
        kinds = args.kinds.split(",")
        if "float32" in kinds:
            note(f"{case}: float32 against the CPU", lambda: compared(case, args.device))
        for kind in ("bfloat16", "float16"):
            if kind in kinds:
                note(f"{case}: {kind}", lambda: precise(case, args.device, precision=kind))
        if "compile" in kinds:
            note(f"{case}: compile", lambda: precise(case, args.device, compile=True))
        if "compile16" in kinds:
            note(
                f"{case}: compile bfloat16",
                lambda: precise(case, args.device, compile=True, precision="bfloat16"),
            )
        if "contiguous" in kinds:
            note(f"{case}: contiguous", lambda: precise(case, args.device, channels_last=False))


main()
