"""How far a float32 gradient is from a float64 one on the CPU, case by case: what a comparison of devices can ask for."""

import json, sys
import numpy as np, torch

sys.argv = [sys.argv[0], *sys.argv[1:]]
import importlib.util
from pathlib import Path

source = Path(__file__).with_name("steps.py").read_text().rsplit("\nmain()", 1)[0]
space = {"__name__": "steps"}
exec(compile(source, "steps.py", "exec"), space)
made, relative = space["made"], space["relative"]
from searches.tasks.augment import Augmentation

torch.set_num_threads(1)
report = {}
for case in sys.argv[1:]:

    def gradient(kind, noise=0.0):
        task, network, stage = made(case)
        network = network.to(kind).to(memory_format=torch.channels_last)
        network.train()
        raw = task.gather(task.order(stage, np.random.default_rng(0))[0])
        rng = np.random.default_rng([0, 0, 0, 0, 0])
        torch.manual_seed(int(rng.integers(2**62)))
        aug = Augmentation(
            flip=stage.flip, shift=stage.shift, area=stage.area, zoom=stage.zoom, colour=stage.colour
        )
        batch = task.prepare(raw, task.size(stage), aug, rng, torch.device("cpu"))
        x = batch.inputs.to(kind)
        if noise:
            x = x * (1 + noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=kind))
        out = network(x)
        loss = (
            task.loss(out, batch.target, stage)
            if kind == torch.float32
            else task.loss(out.to(kind), batch.target, stage)
            if False
            else None
        )
        if loss is None:
            from searches.tasks.scores import fitted, shrunk
            import torch.nn.functional as F

            if out.ndim == 2:
                loss = task.loss(out.float(), batch.target, stage)
            else:
                loss = task.loss(out.float(), batch.target, stage)
        loss.backward()
        return loss.item(), torch.cat(
            [p.grad.flatten().double() for p in network.parameters() if p.grad is not None]
        )

    l64, g64 = gradient(torch.float64)
    l32, g32 = gradient(torch.float32)
    ln, gn = gradient(torch.float32, 1e-6)
    ln2, gn2 = gradient(torch.float64, 1e-6)
    report[case] = {
        "float32_to_float64": relative(g32, g64),
        "float32_input_noise_1e-6": relative(gn, g32),
        "float64_input_noise_1e-6": relative(gn2, g64),
        "loss_float64": l64,
        "loss_float32": l32,
    }
    print(case, json.dumps(report[case]), flush=True)
Path("conditioning.json").write_text(json.dumps(report, indent=1))
