"""Fused units one by one: each distinct kernel of a network against its floor, with the fastest launch of several."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any

import torch

from archspace.cuda.dense import Dense
from archspace.cuda.launch import Launch
from archspace.cuda.part import Fused
from archspace.cuda.transform import Pointwise, Transform
from archspace.cuda.tuning import parts_of, take, tuned
from archspace.export.deploy import deployed
from tests.gpu.forms import NETWORKS, target_of
from tests.gpu.hardware import measured
from tests.gpu.place import Place, median

CANDIDATES = tuple(
    Launch(pixels=pixels, warps=warps, split=split, unroll=unroll)
    for pixels, warps, unroll in ((64, 4, 3), (32, 4, 3), (64, 8, 3), (16, 4, 9), (128, 8, 3))
    for split in (False, True)
)
PRODUCTS = tuple(replace(one, precision="tf32x3") for one in CANDIDATES if not one.split)
RESERVE_S = 5.0


def run(place: Place) -> None:
    """Writes a row a kernel at batch 1 and 16 in float32 and at 16 in float16, then the whole network, tuned."""
    for batch, dtype in ((1, torch.float32), (16, torch.float32), (16, torch.float16)):
        if not place.allows(0 if place.dry else 30, f"batch {batch} in {dtype}"):
            continue
        target = target_of(place, *NETWORKS[0])
        assert target.network is not None
        network = deployed(target.network, "fused").to(place.device, dtype)
        x = target.example(2 if place.dry and batch > 1 else batch).to(place.device, dtype)
        with torch.inference_mode():
            _parts(place, network, x)
            _tuned(place, network, x)


def _parts(place: Place, network: torch.nn.Module, x: torch.Tensor) -> None:
    bandwidth, rates = measured(place)
    precision = str(x.dtype).removeprefix("torch.")
    for name, (part, inputs) in parts_of(network, x).items():
        call = place.replayed(lambda _, part=part, inputs=inputs: part(*inputs), x)  # type: ignore[misc]
        time = median(place.times_ms(call))
        moved, macs = work(part, inputs)
        floor = max(moved / bandwidth, macs / rates[precision]) / 1e6
        place.note(
            what="kernel",
            key=name,
            ms=time,
            bytes=moved,
            macs=macs,
            floor_ms=floor,
            share_of_floor=floor / time,
        )


def work(part: Fused, inputs: tuple[torch.Tensor | None, ...]) -> tuple[int, int]:
    """Returns bytes that a part must move, each map once, and multiply-accumulates."""
    x = inputs[0]
    assert x is not None
    identity = inputs[1] if len(inputs) > 1 else None
    n, c, h, w = x.shape
    if isinstance(part, Pointwise):
        outputs, pixels = part.weight.shape[0], h * w
        macs = part.weight.numel() * pixels
    elif isinstance(part, Transform):
        outputs, pixels = len(part.scale), -(-h // part.stride) * -(-w // part.stride)
        macs = (part.taps.numel() + (0 if part.expansion is None else part.expansion.weight.numel())) * pixels
    else:
        assert isinstance(part, Dense)
        outputs, pixels = sum(part.widths), h * w
        macs = 9 * c * outputs * pixels
    numbers = x.numel() + n * outputs * pixels + (0 if identity is None else identity.numel())
    weights = sum(buffer.numel() for buffer in part.buffers())
    return x.element_size() * (numbers + weights), n * macs


def _tuned(place: Place, network: torch.nn.Module, x: torch.Tensor) -> None:
    """The fastest launch of each kernel as far as the time goes, and the whole network with them."""
    before = median(place.times_ms(place.replayed(network, x)))

    def clock(call: Any) -> float:
        return min(place.times_ms(call, runs=8, warm=2))

    def told(name: str, launch: Launch) -> bool:
        place.note(what="launch", key=name, **asdict(launch))
        return place.left() > RESERVE_S

    among = CANDIDATES[:2] if place.dry else CANDIDATES
    if x.dtype == torch.float32 and not place.dry:
        among += PRODUCTS
    # dry, parts run torch's operators, which know no launch
    table = {} if place.dry else tuned(network, x, clock, among, told, workers=os.cpu_count() or 1)
    count = take(network, x, table)
    after = median(place.times_ms(place.replayed(network, x)))
    place.note(
        what="network",
        batch=x.shape[0],
        dtype=str(x.dtype),
        ms_usual=before,
        ms_tuned=after,
        tuned_parts=count,
    )
