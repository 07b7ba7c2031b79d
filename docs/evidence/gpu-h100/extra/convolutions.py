"""Backward of single convolutions on a device against float64 on the CPU: plain, grouped, depth-wise, dilated, strided.

Float32 with TF32 off is right where every error is far below 1e-4. Use: python convolutions.py --device cuda --out FILE
"""

import argparse
import json
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F

KINDS = {
    # name: (channels in, channels out, side, stride, dilation, groups)
    "plain 1x1": (64, 32, 1, 1, 1, 1),
    "plain 3x3": (32, 32, 3, 1, 1, 1),
    "plain 3x3, dilation 4": (32, 32, 3, 1, 4, 1),
    "grouped 1x1, 4 groups": (64, 32, 1, 1, 1, 4),
    "depth-wise 3x3": (32, 32, 3, 1, 1, 32),
    "depth-wise 3x3, dilation 4": (32, 32, 3, 1, 4, 32),
    "depth-wise 3x3, stride 2": (32, 32, 3, 2, 1, 32),
    "depth-wise 3x3, stride 2, dilation 3": (32, 32, 3, 2, 3, 32),
}


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.double().cpu() - b).norm() / b.norm())


def one(
    kind: tuple[int, ...], device: str, layout: torch.memory_format, cudnn: bool, tf32: bool
) -> dict[str, float]:
    inner, outer, side, stride, dilation, groups = kind
    g = torch.Generator().manual_seed(0)
    x = torch.randn(8, inner, 48, 64, generator=g, dtype=torch.float64)
    w = torch.randn(outer, inner // groups, side, side, generator=g, dtype=torch.float64)
    results = []
    for where, dtype in (("cpu", torch.float64), (device, torch.float32)):
        a = x.to(where, dtype).clone(memory_format=layout).requires_grad_()
        b = w.to(where, dtype).clone(memory_format=layout).requires_grad_()
        with torch.backends.cudnn.flags(enabled=cudnn, allow_tf32=tf32):
            y = F.conv2d(a, b, None, stride, dilation * (side - 1) // 2, dilation, groups)
            up = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(
                where, dtype
            )
            y.backward(up)
        results.append((y.detach(), a.grad, b.grad))
    names = ("forward", "input gradient", "weight gradient")
    return {name: relative(got, want) for name, want, got in zip(names, *results)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", default="convolutions.json")
    args = parser.parse_args()
    report = {}
    layouts = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}
    for (name, kind), (layout, form), cudnn, tf32 in product(
        KINDS.items(), layouts.items(), (True, False), (False, True)
    ):
        if tf32 and not cudnn:
            continue
        key = f"{name}; {layout}; cuDNN {'on' if cudnn else 'off'}; TF32 {'on' if tf32 else 'off'}"
        try:
            report[key] = one(kind, args.device, form, cudnn, tf32)
        except RuntimeError as error:
            report[key] = {"failed": str(error)[:300]}
        print(key, {k: f"{v:.2g}" if isinstance(v, float) else v for k, v in report[key].items()}, flush=True)
    Path(args.out).write_text(json.dumps(report, indent=1))


main()
