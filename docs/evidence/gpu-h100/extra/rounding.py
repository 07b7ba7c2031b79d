"""How far a gradient moves when only the rounding changes, on the CPU: other kernels, another layout, weights moved by 3e-7.

Use: python rounding.py CASE ... ; writes rounding.json
"""

import json, sys
from pathlib import Path
import numpy as np, torch

source = Path(__file__).with_name("steps.py").read_text().rsplit("\nmain()", 1)[0]
space = {"__name__": "steps"}
exec(compile(source, "steps.py", "exec"), space)
made, relative = space["made"], space["relative"]
from searches.tasks.augment import Augmentation

torch.set_num_threads(1)


def gradient(case, kind=torch.float32, layout=torch.channels_last, mkldnn=True, noise=0.0, seed=0):
    task, network, stage = made(case)
    network = network.to(kind).to(memory_format=layout).train()
    if noise:
        g = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in network.parameters():
                p.mul_(1 + noise * torch.randn(p.shape, generator=g, dtype=kind))
    raw = task.gather(task.order(stage, np.random.default_rng(0))[0])
    rng = np.random.default_rng([0, 0, 0, 0, 0])
    torch.manual_seed(int(rng.integers(2**62)))
    aug = Augmentation(
        flip=stage.flip, shift=stage.shift, area=stage.area, zoom=stage.zoom, colour=stage.colour
    )
    batch = task.prepare(raw, task.size(stage), aug, rng, torch.device("cpu"))
    with torch.backends.mkldnn.flags(enabled=mkldnn):
        task.loss(
            network(batch.inputs.to(kind).contiguous(memory_format=layout)).float(), batch.target, stage
        ).backward()
    named = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    return torch.cat([g.flatten().double() for g in named.values()]), named


report = {}
for case in sys.argv[1:]:
    base, named = gradient(case)
    kinds = {
        "no oneDNN": dict(mkldnn=False),
        "contiguous": dict(layout=torch.contiguous_format),
        **{f"weights moved by 3e-7, seed {s}": dict(noise=3e-7, seed=s) for s in range(4)},
    }
    rows = {}
    for name, how in kinds.items():
        other, onamed = gradient(case, **how)
        worst = sorted(
            ((relative(onamed[n], named[n]), n) for n in named if named[n].norm() > 1e-6 * base.norm()),
            reverse=True,
        )[:2]
        rows[name] = {"gradient_rel": relative(other, base), "worst": worst}
        print(case, name, rows[name], flush=True)
    report[case] = rows
    Path("rounding.json").write_text(json.dumps(report, indent=1))
