"""Published checkpoints: found out by their tensors, equal to their authors' outputs, refused when they fit nothing."""

from __future__ import annotations

import pickle
import zipfile
from argparse import Namespace
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from archspace.build import build
from archspace.presets import PRESETS, preset
from archspace.published import load_published
from archspace.published.family import IMAGENET
from archspace.published.loading import FAMILIES
from archspace.published.state import read_state, renamed
from archspace.support.errors import InputError

GOLDEN = [
    ("espnet/espnet_c_p2_q8_cityscapes", "espnet_c_p2q8_city", "espnet-c", 1.0, (2, 8), 20),
    ("espnet/espnet_p2_q3_cityscapes", "espnet_p2q3_city", "espnet", 1.0, (2, 3), 20),
    ("espnet/espnet_p2_q8_cityscapes", "espnet_p2q8_city", "espnet", 1.0, (2, 8), 20),
    ("espnet/espnet_p2_q8_camvid", "espnet_p2q8_camvid", "espnet", 1.0, (2, 8), 12),
    (
        "espnetv2_seg/espnetv2_s_0.5_city_1024x512",
        "espnetv2_seg_s0.5_city_1024x512",
        "espnetv2",
        0.5,
        (0, 3, 7),
        20,
    ),
    (
        "espnetv2_seg/espnetv2_s_1.0_pascal_384x384",
        "espnetv2_seg_s1.0_pascal_384x384",
        "espnetv2",
        1.0,
        (0, 3, 7),
        21,
    ),
    (
        "espnetv2_seg/espnetv2_s_2.0_city_1024x512",
        "espnetv2_seg_s2.0_city_1024x512",
        "espnetv2",
        2.0,
        (0, 3, 7),
        20,
    ),
    ("dicenet_seg/dicenet_s_0.5_city_1024x512", "dicenet_seg_s0.5_city_1024x512", "dicenet", 0.5, (3, 7), 20),
    (
        "dicenet_seg/dicenet_s_1.0_pascal_384x384",
        "dicenet_seg_s1.0_pascal_384x384",
        "dicenet",
        1.0,
        (3, 7),
        21,
    ),
]
FILE = "weights/espnet/espnet_c_p2_q8_cityscapes.pth"


@pytest.mark.parametrize(("weights", "golden", "network", "width", "alphas", "classes"), GOLDEN)
def test_golden_parity(
    shared: Path, weights: str, golden: str, network: str, width: float, alphas: tuple[int, ...], classes: int
) -> None:
    loaded = load_published(shared / "weights" / f"{weights}.pth")
    spec = loaded.spec
    assert (spec.network, spec.width, spec.alphas, spec.classes) == (network, width, alphas, classes)
    assert not loaded.training and loaded.preprocessing is not None
    for suffix in ("", "__real"):
        vector = np.load(shared / "golden" / f"{golden}{suffix}.npz")
        with torch.inference_mode():
            ours = loaded(torch.from_numpy(vector["input"])).numpy()
        assert np.abs(ours - vector["output"]).max() <= 1e-5 * np.abs(vector["output"]).max()


def test_wrapped_and_prefixed_states_load_alike(shared: Path, tmp_path: Path) -> None:
    state = torch.load(shared / FILE, map_location="cpu", weights_only=True)
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "w.pth")
    one, other = load_published(shared / FILE), load_published(tmp_path / "w.pth")
    assert one.spec == other.spec
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


WRAPPED = ["state_dict", "model_state_dict", "model", "net", "params", "weights", "model.state_dict"]


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.", "model.module.module."],
)
def test_what_training_scripts_wrap_around_names_is_taken_off(
    tmp_path: Path, wrapper: str, prefix: str
) -> None:
    state = {"level1.conv.weight": torch.ones(2), "model.end": torch.zeros(1)}
    data: dict[str, object] = {f"{prefix}{name}": tensor for name, tensor in state.items()}
    if prefix == "module.":
        data["n_averaged"] = torch.tensor(7)
    for key in reversed(wrapper.split(".")):
        data = {key: data, "epoch": 3}
    torch.save(data, tmp_path / "w.pth")
    assert {name: tensor.tolist() for name, tensor in read_state(tmp_path / "w.pth").items()} == {
        "level1.conv.weight": [1, 1], "model.end": [0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(2, dtype=torch.complex64), "is complex64, needs plain numbers"),
        (torch.zeros(2).to_sparse(), "is sparse"),
        (torch.zeros(2, device="meta"), "is without values"),
    ],
)
def test_tensors_without_plain_numbers_are_refused(tmp_path: Path, tensor: torch.Tensor, words: str) -> None:
    torch.save({"a.weight": tensor}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"a\.pth: a\.weight {words}"):
        read_state(tmp_path / "a.pth")


def test_of_several_state_dicts_it_is_said_which_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save({"model": {"a": torch.zeros(1)}, "ema": {"a": torch.ones(1)}}, tmp_path / "a.pth")
    assert read_state(tmp_path / "a.pth")["a"].item() == 0
    assert "holds model and ema; model is read" in caplog.text


def test_a_compiled_part_is_read_and_names_that_meet_are_refused(tmp_path: Path) -> None:
    torch.save({"encoder._orig_mod.x": torch.ones(1)}, tmp_path / "w.pth")
    assert list(read_state(tmp_path / "w.pth")) == ["encoder.x"]
    torch.save({"x": torch.ones(1), "module.x": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="two tensors have one name"):
        read_state(tmp_path / "w.pth")
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"no tensors by name \(it holds: epoch, lr\)"):
        read_state(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "more",
    [
        np.float64(0.2), np.float32(0.5), np.int64(3), np.bool_(True), np.str_("a"), np.arange(3.0),
        np.array(["a", "b"]), np.array([1, None], object),
        np.datetime64("2026-01-02"), Namespace(lr=0.1), SimpleNamespace(a=1),
        datetime(2026, 1, 2), Path("runs"), {"deep": [np.float64(1)]},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_data_beside_weights_is_data(tmp_path: Path, more: object) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}, "more": more}, tmp_path / "w.pth")
    assert list(read_state(tmp_path / "w.pth")) == ["a"]


def test_numbers_that_numpy_1_wrote_are_read(tmp_path: Path) -> None:
    torch.save(
        {"state_dict": {"a": torch.ones(2)}, "iou": np.float64(0.2)}, tmp_path / "new.pth", pickle_protocol=2
    )
    with zipfile.ZipFile(tmp_path / "new.pth") as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for name in new.namelist():
            old.writestr(name, new.read(name).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert list(read_state(tmp_path / "old.pth")) == ["a"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>Quota exceeded</body></html>", "is a web page"),
        (b"\xef\xbb\xbf\n<HTML>", "is a web page"),
        (b"", "is an empty file"),
        (b'{"message": "Not Found"}', "is JSON text"),
        (b"<?xml version='1.0'?><Error/>", "is an XML or HTML text"),
        (b"404: Not Found", "is a text ('404: Not Found' ...)"),
        (b"\x1f\x8b\x08rest", "is a gzip archive"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"PK\x03\x04 and then nothing", "is cut off: a zip archive without its end"),
        (b"\x10\0\0\0\0\0\0\0{}              ", "is a safetensors file"),
        (b"\x80\x02}q\x00.", "not a checkpoint of weights"),
        (bytes(range(128, 256)), "a pickle of a newer protocol, or none"),
    ],
)  # fmt: skip
def test_the_message_says_what_the_file_is(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_published(tmp_path / "w.pth")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_archives_of_something_else_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photos/a.jpg", b"x")
    with pytest.raises(InputError, match=r"is a zip archive of something else \(photos/a.jpg"):
        load_published(path)
    np.savez(tmp_path / "w.npz", a=np.ones(2))
    path.write_bytes((tmp_path / "w.npz").read_bytes())
    with pytest.raises(InputError, match="is an archive of NumPy arrays"):
        load_published(path)


def test_what_fits_nothing_names_the_nearest_and_what_differs(shared: Path, tmp_path: Path) -> None:
    state = torch.load(shared / FILE, map_location="cpu", weights_only=True)
    lost = OrderedDict(state)
    name = "level2_0.d2.conv.weight"
    lost[name] = torch.zeros(7, 7, 3, 3)
    torch.save(lost, tmp_path / "w.pth")
    with pytest.raises(
        InputError, match=r"nearest is ESPNet-C .*level2\.down\.branches\.1.* is \(7, 7, 3, 3\), not"
    ):
        load_published(tmp_path / "w.pth")
    del lost[name]
    torch.save(lost, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"level2\.down\.branches\.1\.conv\.weight is missing"):
        load_published(tmp_path / "w.pth")
    torch.save({"a": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="fits no published network"):
        load_published(tmp_path / "w.pth")


def test_truncated_and_missing_files(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes((shared / FILE).read_bytes()[:5000])
    with pytest.raises(InputError, match="truncated") as caught:
        load_published(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        load_published(tmp_path / "none.pth")


KEYS = [
    ("NOWEIGHTS_edgenets_espnetv2_ssd300_coco", "detection", None, 2.0, 81, (0, 3, 7, 3), (300, 300)),
    ("NOWEIGHTS_espnetv2repo_seg_s1.0", "segmentation", "pyramid", 1.0, 20, (0, 3, 7), (512, 1024)),
    ("NOWEIGHTS_edgenets_espnetv2_cls_s1.0", "classification", None, 1.0, 1000, (0, 3, 7, 3), (224, 224)),
    ("edgenets_espnetv2_seg_s1.0_city", "segmentation", "edgenets", 1.0, 20, (0, 3, 7), (512, 1024)),
]
"""Released layouts: every name, shape and type of a state dict."""


def listed(path: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state of random numbers with the names, shapes and types of a list."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for line in path.read_text().splitlines():
        name, shape, kind = line.split("\t")
        sides = [int(side) for side in shape.strip("(),").split(",") if side.strip()]
        state[name] = torch.rand(sides, generator=generator).to(getattr(torch, kind.removeprefix("torch.")))
    return state


@pytest.mark.parametrize(("keys", "task", "decoder", "width", "classes", "alphas", "size"), KEYS)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_every_listed_tensor_finds_its_place(
    shared: Path, tmp_path: Path, keys: str, task: str, decoder: str | None, width: float, classes: int,
    alphas: tuple[int, ...], size: tuple[int, int], prefix: str,
) -> None:  # fmt: skip
    state = listed(shared / "facts" / "keys" / f"{keys}.txt")
    torch.save({prefix + name: tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    loaded = load_published(tmp_path / "w.pth")
    spec = loaded.spec
    assert (spec.network, spec.task, spec.decoder, spec.width) == ("espnetv2", task, decoder, width)
    assert (spec.classes, spec.alphas, spec.input_size) == (classes, alphas, size)
    ours = loaded.state_dict()
    assert len(ours) == len(state)
    assert sum(t.double().sum() for t in ours.values()).item() == pytest.approx(
        sum(t.double().sum() for t in state.values()).item()
    )


def test_a_detectors_tensors_stand_where_their_names_say(shared: Path, tmp_path: Path) -> None:
    state = listed(shared / "facts" / "keys" / "NOWEIGHTS_edgenets_espnetv2_ssd300_coco.txt")
    torch.save(state, tmp_path / "w.pth")
    ours = load_published(tmp_path / "w.pth").state_dict()
    pairs = {
        "base_net.basenet.level5_0.inp_reinf.1.conv.weight": "encoder.level5.down.image.chain.1.conv.weight",
        "base_net.extra_level6.layer.1.cbr.0.weight": "head.level6.chain.1.conv.weight",
        "base_net.extra_level8.1.weight": "head.level8.conv.weight",
        "base_net.bu_3x3_5x5.stages.1.weight": "head.fuse6.stages.1.conv.weight",
        "base_net.bu_5x5_10x10.projection_layer.cbr.2.weight": "head.fuse5.project.act.weight",
        "base_net.bu_10x10_19x19.merge_layer.2.cbr.1.running_var": "head.fuse4.merge.norm.running_var",
        "base_net.bu_19x19_38x38.br.br.1.weight": "head.fuse3.last.act.weight",
        "loc_layers.3.bias": "head.locations.3.conv.bias",
        "cls_layers.5.weight": "head.confidences.5.conv.weight",
    }
    for theirs, name in pairs.items():
        assert torch.equal(ours[name], state[theirs]), theirs


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": _Bomb()}, "new.pth")
    Path("old.pth").write_bytes(pickle.dumps({"weights": _Bomb()}))
    for name in ("new.pth", "old.pth"):
        with pytest.raises(InputError, match=r"holds code|not a checkpoint"):
            load_published(Path(name))
    assert not Path("exploded").exists()


def test_classification_layout(tmp_path: Path) -> None:
    """No published classification weights are at hand: a state written in the published names must come back."""
    from archspace.spec.archspec import ArchSpec

    network = build(ArchSpec("espnetv2", width=0.5, classes=10))
    names = _published_names(list(network.state_dict()))
    torch.save({names[k]: v for k, v in network.state_dict().items()}, tmp_path / "w.pth")
    loaded = load_published(tmp_path / "w.pth")
    assert loaded.spec.replace(input_size=224) == network.spec.replace(input_size=224)
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(loaded(x), network.eval()(x))


def test_esnet_layout(shared: Path, tmp_path: Path) -> None:
    """No weights are published: random tensors under the released code's names and shapes must all find a place."""
    lines = (shared / "facts/keys/NOWEIGHTS_esnet.txt").read_text(encoding="utf-8").splitlines()
    generator = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for name, shape, kind in (line.split("\t") for line in lines):
        size = tuple(int(n) for n in shape.strip("()").split(",") if n.strip())
        number = kind == "torch.int64"
        state[name] = torch.tensor(7) if number else torch.rand(size, generator=generator) * 0.1 + 0.01
    assert len(state) == 279
    torch.save(state, tmp_path / "w.pth")
    network = load_published(tmp_path / "w.pth")
    assert network.spec == preset("esnet").spec and network.preprocessing is not None
    assert (network.preprocessing.channel_order, network.preprocessing.mean) == ("rgb", (0, 0, 0))
    ours = network.state_dict()
    assert len(ours) == len(state)
    for theirs, name in {
        "encoder.layers.4.conv3x1_2.weight": "encoder.level2.units.0.chain.2.conv.weight",
        "encoder.layers.8.conv1x3_25.bias": "encoder.level3.units.1.branches.1.chain.1.conv.bias",
        "encoder.layers.9.bn2.running_var": "encoder.level3.units.2.norm.norm.running_var",
        "decoder.layers.3.conv.weight": "head.up2.conv.weight",
        "decoder.layers.5.bn1.bias": "head.units1.1.chain.1.norm.bias",
        "encoder_output_conv.bias": "head.scores3.chain.0.conv.bias",
    }.items():
        assert torch.equal(state[theirs], ours[name]), theirs
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 32, 64)).shape == (1, 20, 32, 64)


def _published_names(ours: list[str]) -> dict[str, str]:
    """Names of the classification layout as the facts give them, written out apart from the loader's rules."""
    names = {}
    for name in ours:
        other = name.removeprefix("encoder.").replace("head.linear.1.", "classifier.")
        for level in "2345":
            other = other.replace(f"level{level}.down.unit.", f"level{level}_0.eesp.")
            other = other.replace(f"level{level}.down.image.chain.", f"level{level}_0.inp_reinf.")
            other = other.replace(f"level{level}.down.last.act", f"level{level}_0.act")
            other = other.replace(f"level{level}.units.", f"level{level}.")
        for tail, number in (("0", "3"), ("1", "4")):
            other = other.replace(f"expand.chain.{tail}.", f"level5.{number}.")
        for a, b in (
            ("reduce.", "proj_1x1."),
            ("branches.", "spp_dw."),
            (".expand.", ".conv_1x1_exp."),
            (".mix.", ".br_after_cat."),
            (".last.act.", ".module_act."),
            (".norm.", ".bn."),
        ):
            other = other.replace(a, b)
        names[name] = other
    return names


FAMILY_KEYS = {
    "DiCENet segmentation": "edgenets_dicenet_seg_s1.0_city",
    "DiCENet classification": "NOWEIGHTS_edgenets_dicenet_cls_s1.0",
    "ShuffleNetV2 classification": "NOWEIGHTS_edgenets_shufflenetv2_cls_s0.5",
}
"""The released networks' names and shapes by family."""


def shapes_of(shared: Path, family: str) -> dict[str, tuple[int, ...]]:
    """Shapes by published name."""
    lines = (
        (shared / "facts" / "keys" / f"{FAMILY_KEYS[family]}.txt").read_text(encoding="utf-8").splitlines()
    )
    shapes = {}
    for name, shape, *_ in (line.split("\t") for line in lines):
        shapes[name] = tuple(int(side) for side in shape.strip("()").split(",") if side.strip())
    return shapes


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("DiCENet segmentation", "dicenet-seg-city-1.0"),
        ("DiCENet classification", "dicenet-1.0"),
        ("ShuffleNetV2 classification", "shufflenetv2-0.5"),
    ],
)
def test_every_listed_tensor_of_edgenets_finds_its_place(
    shared: Path, tmp_path: Path, family: str, name: str
) -> None:
    state = {key: torch.rand(shape) for key, shape in shapes_of(shared, family).items()}
    torch.save({f"module.{key}": tensor for key, tensor in state.items()}, tmp_path / "w.pth")
    loaded = load_published(tmp_path / "w.pth")
    assert loaded.spec == preset(name).spec and loaded.preprocessing == IMAGENET
    weights = [tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")]
    placed = [
        tensor for key, tensor in loaded.state_dict().items() if not key.endswith("num_batches_tracked")
    ]
    assert len(weights) == len(placed)
    assert sum(float(t.double().sum()) for t in weights) == pytest.approx(
        sum(float(t.double().sum()) for t in placed), rel=1e-9
    )


EDGENETS = [name for name in PRESETS if name.startswith(("dicenet", "shufflenetv2"))]


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGENETS)
def test_the_width_is_read_off_the_shapes(shared: Path, tmp_path: Path, name: str) -> None:
    """A network of every published width, written in the published names, comes back as itself."""
    network = build(preset(name).spec).eval()
    kind = "segmentation" if "-seg" in name else "classification"
    title = f"{'DiCENet' if name.startswith('dicenet') else 'ShuffleNetV2'} {kind}"
    (family,) = (f for f in FAMILIES if f.name == title)
    ours = network.state_dict()
    state = {key: ours[renamed(key, family.rules)] for key in shapes_of(shared, title)}
    assert len(state) == len(ours)
    torch.save(state, tmp_path / "w.pth")
    loaded = load_published(tmp_path / "w.pth")
    assert loaded.spec == network.spec
    x = torch.randn(1, 3, 64, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(x), network(x))


def test_a_width_that_was_never_published_is_refused(shared: Path, tmp_path: Path) -> None:
    family = "ShuffleNetV2 classification"
    state = {key: torch.rand(shape) for key, shape in shapes_of(shared, family).items()}
    state["level4.0.layer_left.dwise_layer.0.cb.0.weight"] = torch.rand(47, 1, 3, 3)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(InputError, match=rf"nearest is {family}, but: no width .* 24, 24, 47 channels"):
        load_published(tmp_path / "w.pth")
