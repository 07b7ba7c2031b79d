"""How far a gradient moves when the output of every layer carries noise of one rounding, on the CPU.

Use: python perturbed.py CASE ... ; writes perturbed.json
"""

import json, sys
from pathlib import Path
import numpy as np, torch
from torch import nn

source = Path(__file__).with_name("steps.py").read_text().rsplit("\nmain()", 1)[0]
space = {"__name__": "steps"}
exec(compile(source, "steps.py", "exec"), space)
made, relative = space["made"], space["relative"]
from searches.tasks.augment import Augmentation

torch.set_num_threads(1)


def gradient(case, noise=0.0, seed=0):
    task, network, stage = made(case)
    network = network.to(memory_format=torch.channels_last).train()
    g = torch.Generator().manual_seed(seed)
    if noise:
        for m in network.modules():
            if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.AvgPool2d | nn.Linear | nn.ConvTranspose2d):
                m.register_forward_hook(lambda m, i, o: o * (1 + noise * torch.randn(o.shape, generator=g)))
    raw = task.gather(task.order(stage, np.random.default_rng(0))[0])
    rng = np.random.default_rng([0, 0, 0, 0, 0])
    torch.manual_seed(int(rng.integers(2**62)))
    aug = Augmentation(
        flip=stage.flip, shift=stage.shift, area=stage.area, zoom=stage.zoom, colour=stage.colour
    )
    batch = task.prepare(raw, task.size(stage), aug, rng, torch.device("cpu"))
    loss = task.loss(network(batch.inputs), batch.target, stage)
    loss.backward()
    named = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    return torch.cat([g.flatten().double() for g in named.values()]), named, loss.item()


report = {}
for case in sys.argv[1:]:
    base, named, l0 = gradient(case)
    rows = {}
    for noise in (1e-7, 1e-6):
        for seed in (0, 1):
            other, onamed, l1 = gradient(case, noise, seed)
            worst = sorted(
                ((relative(onamed[n], named[n]), n) for n in named if named[n].norm() > 1e-6 * base.norm()),
                reverse=True,
            )[:3]
            rows[f"{noise:g}, seed {seed}"] = {
                "gradient_rel": relative(other, base),
                "loss_rel": abs(l1 - l0) / l0,
                "worst": worst,
            }
            print(case, noise, rows[f"{noise:g}, seed {seed}"], flush=True)
    report[case] = rows
    Path("perturbed.json").write_text(json.dumps(report, indent=1))
