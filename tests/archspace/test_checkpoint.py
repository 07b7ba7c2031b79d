"""Weights, spec and preprocessing survive a file; a bad file is one clear line."""

from __future__ import annotations

import copy
import errno
import json
import re
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import safetensors.torch
import torch

from archspace.build import build
from archspace.checkpoint import describe, load, save
from archspace.export.deploy import deployed
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError

SPEC = ArchSpec("espnetv2", width=0.5, classes=10, input_size=(32, 32), channels=1)
GRAY = Preprocessing(channel_order="gray", mean=(0.3,), std=(0.2,))


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    network = build(SPEC)
    network(torch.randn(4, 1, 32, 32))  # gives the batch norms statistics of their own
    return network


@pytest.fixture
def saved(network: Network, tmp_path: Path) -> Path:
    return save(network, tmp_path / "a.safetensors", preprocessing=GRAY, notes={"accuracy": 91.5})


def rewritten(path: Path, **changes: str) -> Path:
    """The file with other metadata; an empty value removes the key."""
    with safetensors.safe_open(str(path), framework="pt") as file:
        metadata = {**file.metadata(), **changes}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    path.write_bytes(safetensors.torch.save(tensors, {k: v for k, v in metadata.items() if v}))
    return path


def test_round_trip_is_exact(network: Network, saved: Path) -> None:
    loaded = load(saved)
    assert loaded.spec == SPEC and loaded.preprocessing == GRAY
    assert not any(module.training for module in loaded.modules())
    state = loaded.state_dict()
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    x = torch.randn(2, 1, 32, 32)
    was = network.training
    with torch.no_grad():
        assert torch.equal(loaded(x), network.eval()(x))
    network.train(was)


def test_loaded_network_trains_and_saves_again_with_its_preprocessing(saved: Path, tmp_path: Path) -> None:
    loaded = load(saved)
    loaded.train()(torch.randn(4, 1, 32, 32)).sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in loaded.parameters())
    assert load(save(loaded, tmp_path / "b.safetensors")).preprocessing == GRAY


def test_weights_do_not_change_with_the_file(saved: Path) -> None:
    loaded = load(saved)
    before = {key: value.clone() for key, value in loaded.state_dict().items()}
    saved.write_bytes(b"\0" * saved.stat().st_size)
    assert all(torch.equal(loaded.state_dict()[key], value) for key, value in before.items())


def test_a_folder_stands_for_its_weights_and_the_head_reads_alone(network: Network, tmp_path: Path) -> None:
    path = save(network, tmp_path, notes={"accuracy": 91.5})
    assert path == tmp_path / "weights.safetensors"
    assert load(tmp_path).spec == SPEC
    described = describe(tmp_path)
    assert (described.spec, described.preprocessing, described.notes) == (SPEC, None, {"accuracy": 91.5})


@pytest.mark.parametrize("content", [b"", b"hello world, this is text", b"\x93NUMPY" * 40])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a safetensors file") as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_cut_file(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(InputError, match="cut off"):
        load(saved)


def test_a_missing_file_and_an_empty_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(InputError, match="no such checkpoint"):
            load(path)


def test_no_spec_newer_format_and_broken_spec(saved: Path) -> None:
    whole = saved.read_bytes()
    with pytest.raises(InputError, match="2 was written by a newer archspace"):
        load(rewritten(saved, archspace_format="2"))
    saved.write_bytes(whole)
    with pytest.raises(InputError, match="broken checkpoint: width: -1"):
        load(rewritten(saved, spec=json.dumps({**SPEC.to_dict(), "width": -1})))
    saved.write_bytes(whole)
    with pytest.raises(InputError, match="has no spec"):
        load(rewritten(saved, spec=""))


def test_tensors_of_another_network_name_keys_and_shapes(saved: Path) -> None:
    other = SPEC.replace(width=1.0)
    with pytest.raises(InputError, match=r"encoder\.level1\.\S+ has shape \(16.*needs \(32.*and \d+ more"):
        load(rewritten(saved, spec=other.to_json()))
    with pytest.raises(InputError, match="is missing"):
        load(rewritten(saved, spec=SPEC.replace(alphas=(0, 3, 7, 4)).to_json()))


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.int64])
def test_numbers_of_another_kind_are_refused(saved: Path, kind: torch.dtype) -> None:
    with safetensors.safe_open(str(saved), framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 4)
    safetensors.torch.save_file({**tensors, name: tensors[name].to(kind)}, saved, metadata)
    with pytest.raises(InputError, match=f"{re.escape(name)} is {str(kind).removeprefix('torch.')}, needs"):
        load(saved)
    half = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    safetensors.torch.save_file(half, saved, metadata)
    assert next(load(saved).parameters()).dtype == torch.float32


def test_notes_that_are_no_mapping_are_a_broken_checkpoint(saved: Path) -> None:
    with pytest.raises(InputError, match="notes: must be a mapping"):
        load(rewritten(saved, notes="[1]"))


def test_a_folded_network_is_refused_and_leaves_nothing(network: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"norm\.weight is missing"):
        save(deployed(network), tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_preprocessing_must_have_the_channels_of_the_network(network: Network, tmp_path: Path) -> None:
    colour = Preprocessing(channel_order="rgb", mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(InputError, match="3 channels, but the network reads 1"):
        save(network, tmp_path / "a.safetensors", preprocessing=colour)


def test_a_full_disk_keeps_the_old_file(
    network: Network, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="disk is full"):
        save(network, saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_preprocessing_is_the_formula_in_the_networks_order() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    bgr = Preprocessing(channel_order="bgr", mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    out = bgr.apply(images)
    assert out.shape == (2, 3, 5, 7) and out.dtype == torch.float32
    for channel in range(3):
        wanted = (images[..., 2 - channel] / 255.0 - bgr.mean[channel]) / bgr.std[channel]
        np.testing.assert_allclose(out[:, channel].numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert Preprocessing.from_dict(json.loads(json.dumps(bgr.to_dict()))) == bgr
    assert GRAY.apply(images[..., 0]).shape == (2, 1, 5, 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channel_order": "rbg"}, "channel_order: 'rbg'.*rgb"),
        ({"mean": [0.1, 0.2]}, "mean.*3 finite numbers"),
        ({"std": [1, 0, 1]}, "std.*above 0"),
        ({"divisor": float("nan")}, "divisor.*finite"),
        ({"scale": 2}, "preprocessing.scale: 2: unknown field"),
    ],
)
def test_preprocessing_refuses(change: dict[str, object], message: str) -> None:
    data = {"channel_order": "rgb", "mean": [0, 0, 0], "std": [1, 1, 1], **change}
    with pytest.raises(InputError, match=message):
        Preprocessing.from_dict(data)


def test_preprocessing_refuses_other_images() -> None:
    with pytest.raises(InputError, match="must be bytes"):
        GRAY.apply(np.zeros((1, 4, 4), np.float32))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"must be \(N, H, W, 1\)"):
        GRAY.apply(np.zeros((1, 4, 4, 3), np.uint8))


def test_weights_that_are_no_numbers_are_said_at_loading(
    network: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(network, tmp_path / "good.safetensors")
    load(path)
    assert not caplog.records
    broken = copy.deepcopy(network)
    name, tensor = next(iter(broken.named_parameters()))
    tensor.data.view(-1)[0] = float("nan")
    path = save(broken, tmp_path / "nan.safetensors")
    load(path)
    load(path)
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        f"{path}: 1 of {len(broken.state_dict())} tensors hold NaN or infinite values, {name} first"
    ]


def test_a_pointer_or_a_page_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match="is a Git LFS pointer"):
        describe(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is an empty file"):
        load(path)
