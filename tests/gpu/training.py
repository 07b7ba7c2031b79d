"""Training on CUDA: gradients against float64, steps against the CPU, autocast, captured steps, images a second."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.build import build
from archspace.cuda.launch import layout
from archspace.cuda.training import join_branches
from archspace.presets import preset
from tests.gpu.forms import DRY_NETWORK
from tests.gpu.place import Place, median

NETWORK, SIZE, BATCH = "espnetv2-seg-1.0", (256, 512), 16
FORMS = ("float32", "bfloat16", "captured", "captured and joined", "joined", "channels last", "compiled")
"""Of a training step, the most telling first."""

BEFORE = 3
"""Steps before a step is captured; the capture itself computes nothing."""

KINDS = {
    # name: channels in, out, side, stride, dilation, groups
    "1 x 1": (64, 32, 1, 1, 1, 1),
    "3 x 3, dilation 4": (32, 32, 3, 1, 4, 1),
    "grouped 1 x 1": (64, 32, 1, 1, 1, 4),
    "depth-wise": (32, 32, 3, 1, 1, 32),
    "depth-wise, dilation 4": (32, 32, 3, 1, 4, 32),
    "depth-wise, stride 2, dilation 3": (32, 32, 3, 2, 3, 32),
}


def run(place: Place) -> None:
    """Writes a row a check, a failed one with its error, then throughput."""
    checks: list[Callable[[Place], dict[str, Any]]] = [
        convolutions,
        joined,
        step_against_cpu,
        autocast,
        captured_step,
        memory_halved,
    ]
    for check in checks:
        _noted(place, check.__name__, lambda check=check: check(place))  # type: ignore[misc]
    for name in FORMS[1::2] if place.dry else FORMS:
        if place.allows(0 if place.dry else (60 if name == "compiled" else 6), f"throughput, {name}"):
            _noted(place, f"throughput, {name}", lambda name=name: throughput(place, name))  # type: ignore[misc]


def _noted(place: Place, what: str, call: Callable[[], dict[str, Any]]) -> None:
    try:
        place.note(what=what, **call())
    except Exception as error:  # the next check runs, unless the device is broken
        place.note(what=what, failed=repr(error)[:500])
        if "CUDA error" in repr(error):
            raise


def relative(a: Tensor, b: Tensor) -> float:
    """Returns the norm of a difference as a share of the norm of ``b``."""
    return float(
        (a.detach().cpu().double() - b.detach().cpu().double()).norm() / b.detach().cpu().double().norm()
    )


def convolutions(place: Place) -> dict[str, Any]:
    """Backward of single convolutions against float64, by layout and with cuDNN or without."""
    found: dict[str, float] = {}
    torch.backends.cudnn.allow_tf32 = False
    for name, (inner, outer, side, stride, dilation, groups) in KINDS.items():
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(2 if place.dry else 8, inner, 12, 16, generator=generator, dtype=torch.float64)
        w = torch.randn(outer, inner // groups, side, side, generator=generator, dtype=torch.float64)

        def grads(where: str, dtype: torch.dtype, layout: torch.memory_format) -> tuple[Tensor, ...]:
            a = x.to(where, dtype).clone(memory_format=layout).requires_grad_()  # noqa: B023
            b = w.to(where, dtype).requires_grad_()  # noqa: B023
            y = F.conv2d(a, b, None, stride, dilation * (side - 1) // 2, dilation, groups)  # noqa: B023
            return torch.autograd.grad(y.square().sum(), (a, b))

        exact = grads("cpu", torch.float64, torch.contiguous_format)
        for form in (torch.contiguous_format, torch.channels_last):
            for cudnn in (True, False):
                with torch.backends.cudnn.flags(enabled=cudnn, allow_tf32=False):
                    ours = grads(place.device, torch.float32, form)
                words = f"{name}; {str(form).removeprefix('torch.')}; cudnn {'on' if cudnn else 'off'}"
                found[words] = max(relative(a, b) for a, b in zip(ours, exact, strict=True))
    return {"largest": max(found.values()), "relative_difference": found}


def network_of(place: Place) -> nn.Module:
    """Returns the network to train, the same each time."""
    torch.manual_seed(0)
    made = build(
        preset(DRY_NETWORK if place.dry else NETWORK).spec.replace(input_size=(32, 32) if place.dry else SIZE)
    )
    for module in made.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
    return made.train()


def batch_of(place: Place, count: int | None = None) -> tuple[Tensor, Tensor]:
    """Returns images and labels on the CPU, the same each time."""
    generator = torch.Generator().manual_seed(1)
    n, (height, width) = count or (2 if place.dry else BATCH), ((32, 32) if place.dry else SIZE)
    classes = preset(NETWORK).spec.classes
    return (
        torch.randn(n, 3, height, width, generator=generator),
        torch.randint(0, classes, (n, height, width), generator=generator),
    )


def gradients(network: nn.Module, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
    """Returns the loss and all gradients as one vector."""
    network.zero_grad()
    loss = F.cross_entropy(network(x), y)
    loss.backward()
    got = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    return float(loss.detach()), torch.cat(got).cpu()


def step_against_cpu(place: Place) -> dict[str, Any]:
    """Loss and gradients of one step in float32, against float64 on the CPU and float32 there."""
    network, (x, y) = network_of(place), batch_of(place, 2)
    exact = gradients(copy.deepcopy(network).double(), x.double(), y)
    here = gradients(copy.deepcopy(network), x, y)
    there = gradients(copy.deepcopy(network).to(place.device), x.to(place.device), y.to(place.device))
    return {
        "loss": {"float64": exact[0], "cpu": here[0], "device": there[0]},
        "gradient_cpu": relative(here[1], exact[1]), "gradient_device": relative(there[1], exact[1]),
    }  # fmt: skip


def joined(place: Place) -> dict[str, Any]:
    """Branches as one operation: loss and gradients of a step against the unit's own branches, on the device."""
    network, (x, y) = network_of(place).to(place.device), batch_of(place, 2)
    x, y = x.to(place.device), y.to(place.device)
    plain = gradients(copy.deepcopy(network), x, y)
    count = join_branches(network)
    one = gradients(network, x, y)
    return {"units": count, "losses": [plain[0], one[0]], "gradient": relative(one[1], plain[1])}


def autocast(place: Place) -> dict[str, Any]:
    """Eight steps in lower precision: the loss is finite and falls."""
    found = {}
    for dtype in (torch.bfloat16, torch.float16):
        step, _ = stepper(place, network_of(place), dtype)
        losses = [float(step()) for _ in range(3 if place.dry else 8)]
        found[str(dtype)] = {"losses": losses, "falls": math.isfinite(sum(losses)) and losses[-1] < losses[0]}
    return found


def captured_step(place: Place) -> dict[str, Any]:
    """A whole step as one CUDA graph: its losses against those of the same steps launched one by one."""
    plain, _ = stepper(place, network_of(place))
    graph, _ = stepper(place, network_of(place), capture=True)
    ours = [float(graph()) for _ in range(2)]
    theirs = [float(plain()) for _ in range(BEFORE + 2)][-2:]
    return {
        "captured": ours,
        "plain": theirs,
        "largest": max(abs(a / b - 1) for a, b in zip(ours, theirs, strict=True)),
    }


def memory_halved(place: Place) -> dict[str, Any]:
    """The trainer on a card of too little memory: the batch runs in two parts, to the same loss."""
    try:
        from searches.training.data import load_task
        from searches.training.resolve import resolved
        from searches.training.steps import Stepper
    except ImportError as error:
        return {"not_run": f"the trainer cannot be imported here: {error}"}
    config = resolved("scenes", None, {"data.train": 16, "data.val": 8, "training.batch": 16}, None)
    task, spec = load_task(config)
    stage = config.training.plan()[0]
    torch.manual_seed(0)
    network, raw = build(spec), task.gather(task.order(stage, np.random.default_rng(0))[0])

    def loss() -> tuple[float, int]:
        trainer = Stepper(copy.deepcopy(network), task, stage, torch.device(place.device), None)
        trainer.train()
        return trainer.step(raw, task.size(stage), 1e-4, (0, 0, 0, 0), "step 0"), trainer.parts

    if place.dry:
        return {"whole": loss(), "limited": "a CPU has no limit to set"}
    torch.cuda.reset_peak_memory_stats()
    whole = loss()
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    share = 0.75 * peak / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(share)
    try:
        halved = loss()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return {"whole": whole, "halved": halved, "in_parts": halved[1] > 1, "peak_bytes": peak}


def stepper(
    place: Place,
    network: nn.Module,
    dtype: torch.dtype | None = None,
    capture: bool = False,
    compiled: bool = False,
) -> tuple[Callable[[], Tensor], int]:
    """Returns a training step with momentum that returns its loss, and the images of a step."""
    network = network.to(place.device)
    x, y = (t.to(place.device) for t in batch_of(place))
    x = x.to(memory_format=layout(next(network.parameters())))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    run = torch.compile(network) if compiled else network

    def step() -> Tensor:
        optimizer.zero_grad(set_to_none=not capture)
        with torch.autocast(torch.device(place.device).type, dtype, enabled=dtype is not None):
            loss = F.cross_entropy(run(x).float(), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    if not capture:
        return step, len(x)
    if place.dry:
        for _ in range(BEFORE):
            step()
        return step, len(x)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(BEFORE):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay() -> Tensor:
        graph.replay()
        return loss

    return replay, len(x)


def throughput(place: Place, name: str) -> dict[str, Any]:
    """Images a second of a step in one form, and the peak of memory."""
    network = network_of(place)
    if "joined" in name:
        join_branches(network)
    if name == "channels last":
        network = network.to(memory_format=torch.channels_last)
    if not place.dry:
        torch.cuda.reset_peak_memory_stats()
    step, images = stepper(
        place, network, torch.bfloat16 if name == "bfloat16" else None, capture="captured" in name,
        compiled=name == "compiled" and not place.dry,
    )  # fmt: skip
    time = median(place.times_ms(step, runs=20))
    peak = None if place.dry else torch.cuda.max_memory_allocated()
    return {
        "network": NETWORK,
        "batch": images,
        "ms": time,
        "images_s": 1e3 * images / time,
        "peak_bytes": peak,
    }
