"""Compiles every kernel for compute capability 9.0, which needs no GPU: ``python -m tests.archspace.cuda.ahead``.

Prints as JSON what each came to. Run without Triton's interpreter: kernels that it replaced cannot be compiled.
"""

from __future__ import annotations

import json
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from archspace.cuda.kernels import eesp, esp, gradients, pointwise

TARGET = GPUTarget("cuda", 90, 32)
BLOCKS = {"BLOCK_C": 32, "BLOCK_O": 32, "BLOCK_P": 32}
UNIT = {"K": 4, "STRIDE": 2, "FUSION": True}
PRODUCTS = {"PRECISION": "tf32x3", "WIDE": False, "ACT": 1, "RESIDUAL": True}
BRANCHES = {**BLOCKS, **UNIT, **PRODUCTS, "UNROLL": 3, "LAST": 4}
STRIDES = {"xw": 1, "ow": 1, "gw": 1}
"""Triton takes numbers that are 1 as constants."""

KERNELS = {
    "transform, expanded": (eesp.transform, "fp32", {**BRANCHES, "EXPAND": True, "SPLIT": False}),
    "transform, split": (
        eesp.transform,
        "bf16",
        {**BRANCHES, "EXPAND": True, "SPLIT": True, "FUSION": False},
    ),
    "transform alone": (eesp.transform, "fp16", {**BRANCHES, "EXPAND": False, "SPLIT": False, "ACT": 3}),
    "pointwise": (
        pointwise.pointwise,
        "fp16",
        {**BLOCKS, **PRODUCTS, "READS": 24, "BLOCKS": 2, "BLOCK_I": 16},
    ),
    "dense": (esp.dense, "fp32", {**BLOCKS, **UNIT, **PRODUCTS, "BLOCK_C": 16}),
    "dense, apart": (esp.dense, "bf16", {**BLOCKS, **UNIT, **PRODUCTS, "BLOCK_C": 16, "FUSION": False}),
    "one branch of one column": (
        eesp.transform,
        "fp32",
        {**BRANCHES, "EXPAND": True, "SPLIT": True, "K": 1, "width": 1, "out_width": 1},
    ),
    "gradient to input": (gradients.to_input, "fp32", {**BLOCKS, **UNIT}),
    "gradient to taps": (gradients.to_taps, "fp32", {**BLOCKS, **UNIT, "TILES": 4}),
}
POINTERS = {
    "x", "taps", "scale", "shift", "slope", "weight", "bias", "last", "residual", "out", "grad", "partial",
}  # fmt: skip


def compiled(kernel: Any, dtype: str, constants: dict[str, Any]) -> dict[str, int]:
    """Returns bytes of machine code and of shared memory."""
    constants = {**STRIDES, **constants}
    kinds = {
        name: "constexpr" if name in constants else "*i32" if name == "dilations" else
        f"*{dtype}" if name in POINTERS else "i32"
        for name in kernel.arg_names
    }  # fmt: skip
    values = {(i,): constants[name] for i, name in enumerate(kernel.arg_names) if name in constants}
    made = triton.compile(ASTSource(kernel, kinds, values), target=TARGET, options={"num_warps": 4})
    return {"code": len(made.asm["cubin"]), "shared": made.metadata.shared}


if __name__ == "__main__":
    print(json.dumps({name: compiled(*what) for name, what in KERNELS.items()}))  # noqa: T201
