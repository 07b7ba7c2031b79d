"""What stands in exported files instead of operations that their readers lack is the same function."""

from __future__ import annotations

from typing import cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.units.portable import average_to, pooled_with_places, unpooled


class Pooled(nn.Module):
    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return average_to(x, self.size)


class Unpooled(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        largest, places = pooled_with_places(x)
        return largest, unpooled(y, places)


def exported(module: nn.Module, *inputs: Tensor) -> tuple[nn.Module, str]:
    program = torch.export.export(module, inputs)
    return cast(nn.Module, program.module()), str(program.graph)


@pytest.mark.parametrize("size", [(3, 5), (7, 4), (6, 9), (1, 4), (13, 10), (12, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uneven_pooling_is_exact_in_every_shape(size: tuple[int, int], dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 12, 9, dtype=dtype)
    module, graph = exported(Pooled(size), x)
    assert "adaptive" not in graph
    torch.testing.assert_close(module(x), F.adaptive_avg_pool2d(x, size), rtol=1e-6, atol=1e-6)


def test_pooling_to_one_stays_what_every_reader_has() -> None:
    x = torch.randn(1, 3, 5, 7)
    module, _ = exported(Pooled((1, 1)), x)
    torch.testing.assert_close(module(x), x.mean((2, 3), keepdim=True))


def test_values_return_to_the_first_maximum_also_among_equals() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 8, 6, generator=generator).relu()  # whole windows of zeros
    x[:, 0] = torch.randint(0, 2, (2, 8, 6), generator=generator).float()
    x[:, 1] *= 1e-38
    y = torch.randn(2, 4, 4, 3, generator=generator)
    module, graph = exported(Unpooled(), x, y)
    assert "indices" not in graph and "scatter" not in graph
    largest, places = F.max_pool2d(x, 2, return_indices=True)
    wanted = F.max_unpool2d(y, places, 2)
    for ours in (module(x, y), Unpooled()(x, y)):
        assert torch.equal(ours[0], largest) and torch.equal(ours[1], wanted)
