"""The engine computes what torch computes, whatever the map's size, and however its planes are shared."""

from __future__ import annotations

import copy
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.export.folding import folded
from archspace.export.native import library as library_module
from archspace.export.native.compiling import compiled
from archspace.export.native.file import LAYOUT, open_native, save_native
from archspace.export.native.library import Engine, peak_macs
from archspace.export.native.operations import UnsupportedError
from archspace.export.native.program import Program
from archspace.export.signature import Port, Signature
from archspace.support.errors import FieldError, InputError
from archspace.support.files import CACHE_VARIABLE
from archspace.units.base import running_sums, shuffle
from archspace.units.portable import average_to


class Everything(nn.Module):
    """Every operation that the engine has, in the ways in which networks use them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, stride=2, padding=1)
        self.act = nn.PReLU(12)
        self.branches = nn.ModuleList(
            nn.Conv2d(12, 12, 3, padding=rate, dilation=rate, groups=12, bias=False) for rate in (1, 2, 3)
        )
        self.dense = nn.ModuleList(nn.Conv2d(12, 7, 3, padding=rate, dilation=rate) for rate in (1, 2))
        self.norm = nn.BatchNorm2d(36)
        self.expand = nn.Conv2d(36, 26, 1, groups=2)
        self.gate = nn.Conv2d(26, 26, 1)
        self.wide = nn.Conv2d(26, 40, (3, 1), padding=(1, 0), groups=2)
        self.up = nn.ConvTranspose2d(40, 5, 2, 2)
        self.shared = nn.PReLU()
        self.last = nn.Conv2d(19, 4, 5, padding=2)
        self.head = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.stem(x))
        maps = running_sums([branch(y) for branch in self.branches])
        joined = F.relu(self.norm(torch.cat(maps, 1)))
        one, other = running_sums([branch(y) for branch in self.dense])
        z = shuffle(self.expand(joined), 2)
        z = z * torch.sigmoid(self.gate(F.adaptive_avg_pool2d(z, 1)))
        z = F.relu6(self.wide(z) + torch.cat((z, one, other), 1))
        up = self.shared(self.up(z))
        up = average_to(up, (up.shape[2] // 2 + 1, up.shape[3] // 2 + 1))
        up = F.interpolate(up, size=y.shape[2:], mode="bilinear", align_corners=True)
        pooled = F.max_pool2d(y, 3, stride=1, padding=1)[:, 3:9]
        small = F.avg_pool2d(y, 3, stride=1, padding=1)[:, :8]
        return self.head(F.adaptive_avg_pool2d(self.last(torch.cat((up, pooled, small), 1)), 1).flatten(1))


class Maps(Everything):
    """The same, up to its last map."""

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        handle = self.last.register_forward_hook(lambda module, given, answer: kept.append(answer))
        try:
            super().forward(x)
        finally:
            handle.remove()
        return kept[0]


def engine(network: nn.Module, x: Tensor, threads: int = 1) -> Engine:
    with torch.no_grad():
        program = folded(torch.export.export(network, (x[:1],)))
        shape = tuple(network(x[:1]).shape)
    return Engine(compiled(program), [shape], threads)


def made(kind: type[Everything]) -> Everything:
    torch.manual_seed(0)
    network = kind()
    generator = torch.Generator().manual_seed(1)
    assert network.norm.running_mean is not None
    network.norm.running_mean.normal_(0, 0.5, generator=generator)
    return network.eval()


@pytest.mark.parametrize("size", [(13, 14), (27, 29), (56, 57), (20, 160)], ids=str)
def test_every_operation_on_maps_of_every_width(size: tuple[int, int]) -> None:
    """Narrower than a vector, a little wider, several vectors with a rest, many."""
    network, x = made(Maps), torch.randn(1, 3, *size)
    with torch.no_grad():
        expected = network(x).numpy()
    answer = engine(network, x).run([x.numpy()])[0]
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_batches_and_threads_change_nothing() -> None:
    network, x = made(Everything), torch.randn(3, 3, 22, 30)
    with torch.no_grad():
        expected = network(x).numpy()
    for threads in (1, 2):
        opened = engine(network, x, threads)
        for _ in range(2):  # what a run leaves in memory does not matter to the next
            answer = opened.run([x.numpy()])[0]
            np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_nothing_is_read_or_written_beyond_the_callers_arrays() -> None:
    network, x = made(Maps), torch.randn(1, 3, 13, 14)
    opened = engine(network, x)
    expected = opened.run([x.numpy()])[0]
    held = np.full(expected.size + 64, 7.0, np.float32)
    inside = held[32:-32].reshape(expected.shape)
    opened.run([x.numpy()], [inside])
    np.testing.assert_array_equal(inside, expected)
    assert (held[:32] == 7).all() and (held[-32:] == 7).all()


class Strided(nn.Module):
    """Every second pixel: dense, in groups, channel by channel, alone and together, of an image and of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.point = nn.Conv2d(3, 8, 1, stride=2)
        self.image = nn.Conv2d(3, 3, 3, stride=2, padding=1, groups=3)
        self.branches = nn.ModuleList(
            nn.Conv2d(8, 8, 3, stride=2, padding=rate, dilation=rate, groups=8) for rate in (1, 2, 4)
        )
        self.mixed = nn.ModuleList(
            nn.Conv2d(8, 8, side, stride=2, padding=side // 2, groups=8) for side in (3, 5)
        )
        self.bare = nn.Conv2d(8, 6, (2, 3), stride=2, groups=2)
        self.slopes = nn.PReLU(24)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.stem(x) + self.point(x)
        maps = running_sums([branch(y) for branch in self.branches])
        joined = torch.cat((self.slopes(torch.cat(maps, 1)), F.avg_pool2d(y, 3, stride=2, padding=1)), 1)
        one, other = running_sums([branch(y) for branch in self.mixed])
        return torch.cat((joined, one, F.relu(other)), 1), self.bare(y), self.image(x)


@pytest.mark.parametrize("size", [(9, 11), (16, 30), (55, 64), (70, 131)], ids=str)
def test_strides_on_maps_of_every_width(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network, x = Strided().eval(), torch.randn(1, 3, *size)
    with torch.no_grad():
        expected = network(x)
        program = folded(torch.export.export(network, (x,)))
    for threads in (1, 3):
        opened = Engine(compiled(program), [tuple(one.shape) for one in expected], threads)
        for answer, value in zip(opened.run([x.numpy()]), expected, strict=True):
            np.testing.assert_allclose(answer, value.numpy(), rtol=1e-4, atol=1e-5 * float(value.abs().max()))


class Activations(nn.Module):
    """What MobileNetV3's kind of networks apply to a map, and a gate from its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Conv2d(3, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.hardswish(self.point(x))
        gated = y * F.hardsigmoid(F.silu(y).mean((2, 3), keepdim=True))
        return torch.cat((F.silu(gated), gated), 1)


def test_quarters_of_an_even_map_leave_nothing_to_those_of_an_odd_one() -> None:
    torch.manual_seed(0)
    halved = [nn.Conv2d(8, 8, 3, stride=2, padding=1) for _ in range(3)]
    for side in (2, 4):  # halved to 1
        x = torch.randn(1, 8, side, side)
        network = nn.Sequential(*halved).eval()
        with torch.no_grad():
            expected = network(x).numpy()
            program = compiled(folded(torch.export.export(network, (x,))))
        assert np.allclose(Engine(program, [expected.shape]).run([x.numpy()])[0], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(5, 7), (20, 33)], ids=str)
def test_activations_that_are_no_lines(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network, x = Activations().eval(), 4 * torch.randn(1, 3, *size)
    with torch.no_grad():
        expected = network(x).numpy()
    answer = engine(network, x).run([x.numpy()])[0]
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


class Pieces(nn.Module):
    """Two outputs from the channels of one map, of which one is in none."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        one, other, rest = x.chunk(3, 1)  # of 3, 3 and 2 channels
        return torch.cat((F.relu(rest), one[:, ::2]), 1), other


def test_pieces_of_channels_are_lists_of_planes() -> None:
    x = torch.randn(1, 8, 5, 19)
    expected = Pieces()(x)
    opened = Engine(
        compiled(folded(torch.export.export(Pieces(), (x,)))), [tuple(one.shape) for one in expected]
    )
    for answer, value in zip(opened.run([x.numpy()]), expected, strict=True):
        np.testing.assert_array_equal(answer, value.numpy())


def test_an_operation_without_kernel_is_named() -> None:
    with pytest.raises(UnsupportedError, match=r"no kernel for aten\.gelu\.default at gelu"):
        engine(nn.GELU(), torch.randn(1, 3, 8, 8))


def program(kind: type[Everything], size: tuple[int, int]) -> tuple[Program, tuple[int, ...]]:
    network, x = made(kind), torch.zeros(1, 3, *size)
    with torch.no_grad():
        return compiled(folded(torch.export.export(network, (x,)))), tuple(network(x).shape)


def test_a_program_that_reaches_for_what_is_not_there_is_refused() -> None:
    """The numbers come from a file: none of them may lead a kernel out of its arrays."""
    whole, shape = program(Everything, (13, 14))
    rng = random.Random(0)
    for at in rng.sample(range(len(whole.code)), 60):
        for value in (2**41, -(2**62)):
            code = whole.code.copy()
            code[at] = value
            with pytest.raises(InputError, match="native: a number is out of its range"):
                Engine(Program(code, whole.weights), [shape])
        with pytest.raises(InputError, match=r"the operations end too early|out of its range"):
            Engine(Program(whole.code[:at], whole.weights), [shape])
    with pytest.raises(InputError, match="too few weights"):
        Engine(Program(whole.code, whole.weights[:-1]), [shape])
    code = whole.code.copy()
    code[0] //= 2
    with pytest.raises(InputError, match="a map reaches out of its array"):
        Engine(Program(code, whole.weights), [shape])
    with pytest.raises(InputError, match="the outputs have other sizes"):
        Engine(whole, [(1, 7)])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole, shape = program(Everything, (13, 14))
    path = tmp_path_factory.mktemp("native") / "model.native"
    signature = Signature((Port(name="image", shape=(1, 3, 13, 14)),), (Port(name="scores", shape=shape),))
    save_native(path, whole, signature, {"note": "kept"})
    return path


def test_a_file_that_was_changed_gives_no_numbers(saved: Path, tmp_path: Path) -> None:
    data, path = saved.read_bytes(), tmp_path / "model.native"
    assert open_native(saved).metadata["note"] == "kept"
    for change, rule in (
        (data[:-9] + bytes([data[-9] ^ 4]) + data[-8:], "is not as it was written"),
        (data.replace(b"1, 6]", b"1, 9]", 1), "is not as it was written"),
        (data.replace(b"kept", b"lost", 1), "is not as it was written"),
        (data[: len(data) // 2], "cannot be read"),
        (data.replace(f'"layout":"{LAYOUT}"'.encode(), b'"layout":"0"'), "another version of archspace"),
    ):
        path.write_bytes(change)
        assert change != data
        with pytest.raises(InputError, match=rf"model\.native: .*{rule}"):
            open_native(path)


def test_an_open_engine_is_not_copied(saved: Path) -> None:
    network = open_native(saved)
    for copied in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied; open its file again"):
            copied(network)


def test_images_of_another_kind_are_refused(saved: Path) -> None:
    network = open_native(saved)
    image = np.random.default_rng(0).standard_normal((1, 3, 13, 28)).astype(np.float32)[..., ::2]
    expected = network(np.ascontiguousarray(image))[0]
    np.testing.assert_array_equal(network(image)[0], expected)
    np.testing.assert_array_equal(network(torch.from_numpy(image.copy()))[0], expected)
    with pytest.raises(InputError, match="image: has type uint8; must be float32"):
        network(image.astype(np.uint8))
    with pytest.raises(InputError, match="image: has shape"):
        network(image[:0])
    with pytest.raises(InputError, match="2 inputs; must be 1: image"):
        network(image, image)
    for threads in (0, 1000):
        with pytest.raises(FieldError, match=f"threads: {threads}: must be 1 to"):
            open_native(saved, threads)


def test_no_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "nothing"))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler .*CXX names .*nothing"):
        library_module.library.__wrapped__()
    assert not list(tmp_path.iterdir())


def test_a_process_forked_while_a_thread_runs_the_engine_can_run_it(saved: Path) -> None:
    network = open_native(saved, 2)
    engine = network._engine
    with engine._lock:  # as in the middle of a run
        child = os.fork()
        if not child:
            os._exit(0 if engine._lock.acquire(timeout=60) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.native"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model\.native: cannot be read"):
        open_native(path)


def test_the_floor_is_a_rate_of_this_processor() -> None:
    assert peak_macs() > 1e8
