"""ArchSpec: round trips, identity, defaults, replacing, sampling, and every refusal with a valid way out."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspace.plan import NETWORKS, UNITS
from archspace.plan.design import OPTIONAL_FIELDS
from archspace.presets import PRESETS, preset
from archspace.spec.archspec import SPEC_VERSION, ArchSpec
from archspace.spec.record import FIELDS
from archspace.support.errors import InputError, SpecError
from tests.archspace.strategies import FREE, field_values, levels, random_fields, settled, specs, with_nearest
from tests.commands import python

# ------------------------------------------------------------------------------ round trips


@pytest.mark.slow
@given(specs())
@settings(max_examples=150)
def test_a_spec_survives_json_yaml_and_plain_data(spec: ArchSpec) -> None:
    for again in (
        ArchSpec.from_dict(spec.to_dict()),
        ArchSpec.from_json(spec.to_json()),
        ArchSpec.from_yaml(spec.to_yaml()),
        ArchSpec.from_yaml(spec.to_json()),
        ArchSpec.sampled({name: getattr(spec, name) for name in FIELDS}),
        spec.replace(),
        pickle.loads(pickle.dumps(spec)),
        copy.deepcopy(spec),
        dataclasses.replace(spec),
    ):
        assert again == spec
        assert hash(again) == hash(spec)
        assert again.arch_id == spec.arch_id


@given(specs())
@settings(max_examples=50)
def test_plain_data_is_json_with_the_version_first(spec: ArchSpec) -> None:
    data = json.loads(json.dumps(spec.to_dict(), allow_nan=False))
    assert list(data) == ["version", *FIELDS]
    assert data["version"] == SPEC_VERSION


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_a_round_trip(name: str) -> None:
    spec = preset(name).spec
    assert ArchSpec.from_yaml(spec.to_yaml()) == spec
    assert ArchSpec.from_json(spec.to_json()).arch_id == spec.arch_id


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("network", "task"), FREE)
def test_every_unit_in_every_network_survives_a_round_trip(unit: str, network: str, task: str) -> None:
    """A unit without branches has them as [null, null]; reading that back was once refused."""
    for downsampling, alphas in (("strided-unit", 1), ("strided-conv", 1), ("strided-unit", 0)):
        spec = ArchSpec(network, task=task, unit=unit, downsampling=downsampling, alphas=alphas)
        assert ArchSpec.from_json(spec.to_json()) == spec


def test_a_spec_is_read_from_a_file(tmp_path: Path) -> None:
    spec = ArchSpec("espnetv2", width=0.5)
    for name, text in (("a.yaml", spec.to_yaml()), ("a.json", spec.to_json())):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert ArchSpec.read(tmp_path / name) == spec


@pytest.mark.parametrize(
    "content", [None, b"\xd0\xcf\x11\xe0", b"\x00", b"{", b"a: [", b"", b"3", b"[1, 2]", b"text"]
)
def test_a_file_that_is_no_spec_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "spec.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        ArchSpec.read(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("spec")


def test_broken_json_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^spec: is not JSON: [^\n]+$"):
        ArchSpec.from_json('{"network": ')


# ------------------------------------------------------------------------------ identity


def test_a_spec_is_frozen() -> None:
    spec = ArchSpec("espnet")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.width = 2.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del spec.width  # type: ignore[misc]


@given(specs())
@settings(max_examples=50)
def test_every_field_is_hashable_and_immutable(spec: ArchSpec) -> None:
    assert {spec: 1}[ArchSpec.from_dict(spec.to_dict())] == 1
    for name in FIELDS:
        assert isinstance(getattr(spec, name), str | int | float | bool | tuple | None)


# Checkpoints, caches and result tables are joined by these: a change breaks what users have stored.
PINNED_IDS = {"espnet": "bd8528934e58", "espnetv2-1.0": "9fb53bec6a02", "espnetv2-seg-2.0": "f23834cda27e",
              "eru-7m": "129d6c971004"}  # fmt: skip


@pytest.mark.parametrize("name", PINNED_IDS)
def test_arch_ids_do_not_change(name: str) -> None:
    assert preset(name).spec.arch_id == PINNED_IDS[name]


def test_arch_ids_are_the_same_in_another_process() -> None:
    names = list(PRESETS)
    code = f"from archspace.presets import preset\nprint(*[preset(n).spec.arch_id for n in {names!r}])"
    for seed in ("1", "77"):
        ran = python(code, PYTHONHASHSEED=seed)
        assert ran.stdout.split() == [preset(name).spec.arch_id for name in names]


def test_arch_ids_are_twelve_hexadecimal_digits_and_tell_presets_apart() -> None:
    ids = [p.spec.arch_id for p in PRESETS.values()]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 12 and set(i) <= set("0123456789abcdef") for i in ids)


SEG: dict[str, Any] = {"task": "segmentation"}
SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"network": "espnetv2", "receptive_field": 13}, {"network": "espnetv2", "receptive_field": 9}),
    ({"network": "espnetv2", "receptive_field": [13, 11, 9, 7, 5]}, {"network": "espnetv2"}),
    ({"network": "espnetv2", "receptive_field": 3}, {"network": "espnetv2", "dilated": False}),
    ({"network": "espnetv2", "width": 1.0}, {"network": "espnetv2", "width": 1.0001}),
    ({"network": "espnet", "width": 1}, {"network": "espnet", "width": 1.0}),
    ({"network": "espnet-c", "decoder": "espnet"}, {"network": "espnet"}),
    ({"network": "espnet", "decoder": "none"}, {"network": "espnet-c"}),
    ({"network": "espnet", "decoder": "none", "reinforcement": False}, {"network": "espnet-b"}),
    ({"network": "espnet-c", "reinforcement": False}, {"network": "espnet-b"}),
    ({"network": "espnet-b", "reinforcement": True}, {"network": "espnet-c"}),
    ({"network": "espnet-b", "decoder": "espnet", "reinforcement": True}, {"network": "espnet"}),
    ({"network": "espnet", "task": "classification"}, {"network": "espnet-c", "task": "classification"}),
    (
        {"network": "espnet", "unit": ["esp", "esp"], "branches": [5, 5], "alphas": [2, 8]},
        {"network": "espnet"},
    ),
    ({"network": "espnet", "receptive_field": 33}, {"network": "espnet"}),
    ({"network": "espnet-a", "alphas": 0}, {"network": "espnet-b", "alphas": 0}),
    ({"network": "espnetv2", "input_size": 224}, {"network": "espnetv2", "input_size": (224, 224)}),
    ({"network": "esnet", "unit": ["non-bottleneck-1d", "fcu", "pfcu"]}, {"network": "esnet"}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_networks_have_equal_ids(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert ArchSpec(**one).arch_id == ArchSpec(**other).arch_id


@pytest.mark.parametrize(
    ("one", "other"),
    [pair for pair in SAME if pair[0]["network"].startswith("espnet") and "decoder" in pair[0]],
)
def test_the_espnet_family_has_one_name_for_one_network(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert ArchSpec(**one) == ArchSpec(**other)


DIFFERENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"network": "espnetv2", "receptive_field": 9}, {"network": "espnetv2", "receptive_field": 7}),
    ({"network": "espnetv2", "branches": 8, "receptive_field": 17, "unit": ["eesp"] * 2 + ["resnet"] * 2},
     {"network": "espnetv2", "branches": 8, "receptive_field": 13, "unit": ["eesp"] * 2 + ["resnet"] * 2}),
    ({"network": "espnetv2", "width": 1.0}, {"network": "espnetv2", "width": 1.25}),
    ({"network": "espnetv2", "width": 1.5}, {"network": "espnetv2", "width": 1.501}),  # 1280 last channels
    ({"network": "espnetv2"}, {"network": "espnetv2", "input_size": (224, 256)}),
    ({"network": "espnetv2", "input_size": (224, 256)}, {"network": "espnetv2", "input_size": (256, 224)}),
    ({"network": "espnetv2"}, {"network": "espnetv2", "classes": 999}),
    ({"network": "espnetv2"}, {"network": "espnetv2", "channels": 4}),
    ({"network": "espnet"}, {"network": "espnet", "decoder": "espnet-raw"}),
    ({"network": "espnet"}, {"network": "espnet", "reinforcement": False}),
    ({"network": "espnet-a"}, {"network": "espnet-b"}),
    ({"network": "espnet-b"}, {"network": "espnet-c"}),
    ({"network": "espnet-c"}, {"network": "espnet"}),
    ({"network": "espnet-a", "task": "classification"}, {"network": "espnet-a"}),
    ({"network": "espnet", "alphas": [2, 3]}, {"network": "espnet", "alphas": [3, 2]}),
    ({"network": "espnet", "branches": [4, 5]}, {"network": "espnet", "branches": [5, 4]}),
    ({"network": "espnet", "unit": ["esp", "resnet"]}, {"network": "espnet", "unit": ["resnet", "esp"]}),
    ({"network": "espnet", "activation": "relu"}, {"network": "espnet", "activation": "relu6"}),
    ({"network": "espnet", "receptive_field": [17, None, None]},
     {"network": "espnet", "receptive_field": [None, 17, None]}),
    ({"network": "espnet", "unit": "fcu"}, {"network": "espnet", "unit": "non-bottleneck-1d"}),
    ({"network": "erfnet"}, {"network": "erfnet", "dilated": False}),
    ({"network": "erfnet"}, {"network": "erfnet", "receptive_field": [None, None, 17]}),
    ({"network": "enet"}, {"network": "enet", "dilated": False}),
    ({"network": "esnet"}, {"network": "esnet", "receptive_field": [None, None, 11]}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_networks_have_different_ids(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert ArchSpec(**one).arch_id != ArchSpec(**other).arch_id


# ------------------------------------------------------------------------------ defaults


def test_defaults_are_the_published_networks() -> None:
    assert ArchSpec("espnetv2") == preset("espnetv2-1.0").spec
    assert ArchSpec("espnet", decoder="espnet-raw") == preset("espnet").spec
    assert ArchSpec("espnet-c") == preset("espnet-c").spec
    v2 = ArchSpec("espnetv2")
    assert (v2.task, v2.unit, v2.branches, v2.alphas) == (
        "classification",
        ("eesp",) * 4,
        (4,) * 4,
        (0, 3, 7, 3),
    )
    assert (v2.receptive_field, v2.input_size, v2.classes) == ((13, 11, 9, 7, 5), (224, 224), 1000)
    v1 = ArchSpec("espnet")
    assert (v1.task, v1.unit, v1.branches, v1.alphas) == ("segmentation", ("esp",) * 2, (5, 5), (2, 8))
    assert (v1.receptive_field, v1.input_size, v1.classes) == ((None,) * 3, (512, 1024), 20)
    for spec in (v1, v2):
        assert spec.activation == "prelu" and spec.fusion == "hff" and spec.residual is True
        assert spec.dilated is True and spec.pointwise_kernel == 1 and spec.channels == 3
        assert spec.downsampling == "strided-unit" and spec.reinforcement is True and spec.width == 1.0


@pytest.mark.parametrize(("network", "task"), FREE)
def test_one_value_stands_for_all_levels(network: str, task: str) -> None:
    count = levels(network, task)
    one = ArchSpec(network, task=task, unit="esp", branches=4, alphas=1, receptive_field=9)
    all_of_them = ArchSpec(
        network, task=task, unit=["esp"] * count, branches=[4] * count, alphas=[1] * count,
        receptive_field=[9] * (count + 1),
    )  # fmt: skip
    assert one == all_of_them


def test_a_k_that_was_not_given_is_the_nearest_to_the_default_that_fits() -> None:
    """Published channels that the default K does not divide: 116 and 232 are not multiples of 4 x 4."""
    spec = ArchSpec("dicenet", unit="eesp")
    assert spec.branches == (2, 2, 4) and ArchSpec.from_json(spec.to_json()) == spec
    assert ArchSpec("dicenet", unit="eesp", branches=[None, 1, None]).branches == (2, 1, 4)
    assert ArchSpec("dicenet", unit="eesp", width=0.5).branches == (4, 4, 4)
    assert ArchSpec("dicenet").replace(unit="eesp").branches == (2, 2, 4)
    with pytest.raises(SpecError, match=r"branches\[0\]: 4: .*nearest valid: 2"):
        ArchSpec("dicenet", unit="eesp", branches=4)
    with pytest.raises(SpecError, match=r"branches\[1\]: 4: .*nearest valid: 2"):
        ArchSpec("dicenet", unit="eesp", branches=[None, 4, None])


# ------------------------------------------------------------------------------ replacing


@given(specs(), st.data())
@settings(max_examples=100)
def test_replacing_one_field_by_its_own_value_changes_nothing(spec: ArchSpec, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(FIELDS))
    assert spec.replace(**{field: getattr(spec, field)}) == spec


@given(specs(), st.sampled_from(list(UNITS)))
@settings(max_examples=100)
def test_any_unit_can_replace_any_other(spec: ArchSpec, unit: str) -> None:
    """A K that the new unit cannot have falls back to its default: comparing units changes the unit alone.

    Where the level's channels do not take the default K, it falls back to the nearest that they take.
    """
    if not any(spec.unit):
        with pytest.raises(SpecError, match=r"no level places a unit|has no unit to choose"):
            spec.replace(unit=unit)
        return
    if "unit" not in NETWORKS[spec.network].honours and set(spec.unit) != {unit}:
        with pytest.raises(SpecError, match="has no unit to choose"):
            spec.replace(unit=unit)
        return
    changed = spec.replace(unit=unit)
    assert set(changed.unit) - {None} == {unit}
    kept = set(FIELDS) - {
        "unit",
        "branches",
        "receptive_field",
        "dilated",
        "fusion",
        "residual",
        "pointwise_kernel",
        "inner",
        "shortcut",
    }
    for field in kept:
        assert getattr(changed, field) == getattr(spec, field)
    for i, (before, after) in enumerate(zip(spec.branches, changed.branches, strict=True)):
        if after not in (before, UNITS[unit].branches):
            asked = [UNITS[unit].branches if i == at else k for at, k in enumerate(changed.branches)]
            with pytest.raises(SpecError, match=rf"branches\[{i}\].*nearest valid: {after}"):
                changed.replace(branches=asked)


def test_replacing_keeps_what_fits() -> None:
    spec = ArchSpec("espnet", width=0.5, classes=7, branches=[4, 3], receptive_field=[9, 9, 5], fusion="none")
    changed = spec.replace(unit=["resnet", "esp"])
    assert changed.branches == (None, 3)
    assert (changed.width, changed.classes, changed.fusion) == (0.5, 7, "none")
    assert changed.receptive_field is not None and changed.receptive_field[2] == 5
    assert changed.replace(unit="esp").branches == (5, 3)


def test_replacing_drops_what_does_not_fit() -> None:
    spec = ArchSpec("espnet", receptive_field=9, fusion="none", residual=False)
    bare = spec.replace(unit="mobilenet", decoder="none")
    assert (bare.network, bare.branches, bare.fusion) == ("espnet-c", (None, None), None)
    assert bare.dilated is None and bare.receptive_field is None and bare.residual is False
    assert spec.replace(dilated=False).receptive_field is None
    assert spec.replace(task="classification").decoder is None
    assert ArchSpec("espnet", decoder="espnet-raw").replace(reinforcement=False).decoder == "espnet"


def test_replacing_the_network_keeps_what_every_network_has() -> None:
    spec = ArchSpec("espnet", width=0.5, classes=7, input_size=(64, 96), activation="relu", channels=4)
    other = spec.replace(network="espnetv2")
    assert (other.network, other.task, other.unit) == ("espnetv2", "segmentation", ("eesp",) * 3)
    assert (other.width, other.classes, other.input_size, other.activation, other.channels) == (
        0.5, 7, (64, 96), "relu", 4,
    )  # fmt: skip


def test_replacing_the_task_gives_the_published_network_of_that_task() -> None:
    """Levels that the old task did not have take the network's own limits, not none."""
    segmenter, classifier = preset("espnetv2-seg-1.0").spec, preset("espnetv2-1.0").spec
    assert segmenter.replace(task="classification", classes=1000, input_size=224) == classifier
    assert classifier.replace(task="segmentation", classes=21, input_size=384) == segmenter


def test_an_input_size_that_no_longer_fits_falls_back() -> None:
    spec = ArchSpec("espnetv2", input_size=(225, 225))
    assert spec.replace(task="segmentation").input_size == (512, 1024)
    with pytest.raises(SpecError, match="nearest valid"):
        spec.replace(task="segmentation", input_size=(225, 225))


def test_a_change_that_breaks_a_rule_raises() -> None:
    spec = ArchSpec("espnetv2")
    for change in (
        {"branches": 3},
        {"width": 0},
        {"unit": "esq"},
        {"wdth": 1},
        {"alphas": [1, 2]},
        {"decoder": "none"},
    ):
        with pytest.raises(SpecError):
            spec.replace(**change)
    assert spec == ArchSpec("espnetv2")


# ------------------------------------------------------------------------------ sampling


@pytest.mark.slow
@given(field_values())
@settings(max_examples=200)
def test_sampling_refuses_nothing_but_a_k_that_does_not_fit(fields: dict[str, Any]) -> None:
    spec = settled(fields)
    assert spec.task == fields["task"] and spec.width == fields["width"] and spec.classes == fields["classes"]
    honoured = NETWORKS[spec.network].honours
    for field in ("activation", "downsampling", "reinforcement", "channels", "input_size"):
        kept = field not in OPTIONAL_FIELDS or field in honoured
        assert getattr(spec, field) == (fields[field] if kept else None), field
    for field in ("residual", "pointwise_kernel"):
        assert getattr(spec, field) in (fields[field], None)
    fallback = "hff" if fields["fusion"] == "cascade" and "fpe" not in spec.unit else fields["fusion"]
    assert spec.fusion in (fallback, None) or (fields["fusion"] == "cascade" and 1 in spec.branches)


@given(field_values())
@settings(max_examples=100)
def test_what_is_sampled_is_valid_when_it_is_written_out(fields: dict[str, Any]) -> None:
    """Every field that is not None is honoured: the strict constructor takes the very same values."""
    spec = settled(fields)
    assert ArchSpec(**{name: getattr(spec, name) for name in FIELDS}) == spec


def test_sampling_refuses_an_unknown_field() -> None:
    with pytest.raises(SpecError, match="wdth: 1: unknown field; nearest valid: width"):
        ArchSpec.sampled({"network": "espnet", "wdth": 1})


# ------------------------------------------------------------------------------ refusals

NAN, INF = math.nan, math.inf
E: dict[str, Any] = {"network": "espnet"}
V2: dict[str, Any] = {"network": "espnetv2"}
V2S: dict[str, Any] = {"network": "espnetv2", "task": "segmentation"}

REFUSED: list[tuple[dict[str, Any], str]] = [
    # wrong names
    ({"network": "espnetv3"}, "network"),
    ({"network": "zzz"}, "network"),
    ({"network": 3}, "network"),
    ({"network": ["espnet"]}, "network"),
    ({**E, "task": "segment"}, "task"),
    ({**E, "unit": "esq"}, "unit"),
    ({**E, "unit": ["esp", "esq"]}, "unit[1]"),
    ({**E, "unit": 3}, "unit"),
    ({**E, "unit": [["esp"], "esp"]}, "unit[0]"),
    ({**E, "activation": "gelu"}, "activation"),
    ({**E, "downsampling": "pool"}, "downsampling"),
    ({**E, "fusion": "sum"}, "fusion"),
    ({**E, "fusion": True}, "fusion"),
    ({**E, "decoder": "edgenets"}, "decoder"),
    ({**V2S, "decoder": "espnet"}, "decoder"),
    # wrong numbers
    *(({**E, "width": v}, "width") for v in (0, -1, 0.0, NAN, INF, -INF, True, "", [1], 1e308, 10**400)),
    *(({**E, "branches": v}, "branches") for v in (0, -3, True, 2.0, "5", NAN, INF, -(10**400))),
    ({**E, "branches": [5, 0]}, "branches[1]"),
    ({**E, "branches": [True, 5]}, "branches[0]"),
    *(({**E, "alphas": v}, "alphas") for v in (-1, True, 2.0, "2", NAN, INF, 10**9, 10**400)),
    ({**E, "alphas": [2, -8]}, "alphas[1]"),
    *(({**E, "classes": v}, "classes") for v in (1, 0, -5, True, 20.0, "20", NAN, INF, -(10**400))),
    *(({**E, "channels": v}, "channels") for v in (0, -1, True, 3.0, "3")),
    *(({**E, "receptive_field": v}, "receptive_field") for v in (0, 1, 2, 4, 8, -3, True, 9.0, "9", NAN)),
    ({**E, "receptive_field": [9, 9, 8]}, "receptive_field[2]"),
    *(({**E, "pointwise_kernel": v}, "pointwise_kernel") for v in (0, 2, 5, -1, True, "1", NAN, [1])),
    *(({**E, "unit": "resnet", "inner": v}, "inner") for v in (0, -1, 17, True, "1", NAN, INF, 10**400)),
    ({**E, "unit": "resnet", "inner": [1.0, 0]}, "inner[1]"),
    *(({**E, f: v}, f) for f in ("dilated", "residual", "reinforcement") for v in (1, 0, "yes", 1.0, [True])),
    # wrong sizes
    *(({**V2, "input_size": v}, "input_size") for v in ((224,), (1, 2, 3), "224", 224.0, NAN, True, [], {})),
    ({**V2, "input_size": (7, 224)}, "input_size[0]"),
    ({**V2, "input_size": (224, 0)}, "input_size[1]"),
    ({**V2, "input_size": (224, 224.0)}, "input_size[1]"),
    ({**V2, "input_size": 5}, "input_size[0]"),
    ({**V2S, "input_size": (4, 64)}, "input_size[0]"),
    ({**V2S, "input_size": (360, 480)}, "input_size"),
    ({**V2S, "input_size": (24, 24)}, "input_size"),
    ({**E, "input_size": (100, 200)}, "input_size"),
    ({**E, "input_size": (10, 200)}, "input_size"),
    # wrong lengths
    *(({**E, f: v}, f) for f, v in (
        ("unit", ["esp"]), ("unit", []), ("unit", ["esp"] * 3), ("branches", [5]), ("branches", [5, 5, 5]),
        ("alphas", []), ("alphas", (2, 8, 1)), ("receptive_field", [9, 9]), ("receptive_field", [9] * 5),
    )),
    ({**E, "unit": "resnet", "inner": [1.0]}, "inner"),
    ({**V2S, "alphas": (0, 3, 7, 3)}, "alphas"),
    # fields that the network or its units cannot honour
    ({**E, "decoder": "none", "unit": "mobilenet", "fusion": "hff"}, "fusion"),
    ({**E, "decoder": "none", "unit": "mobilenet", "dilated": False}, "dilated"),
    ({**E, "decoder": "none", "unit": "resnet", "branches": 4}, "branches"),
    ({**E, "decoder": "none", "unit": ["resnet", "esp"], "branches": [4, 5]}, "branches[0]"),
    ({**E, "decoder": "none", "unit": "shufflenet", "dilated": True}, "dilated"),
    ({**E, "decoder": "none", "unit": "shufflenet", "receptive_field": 9}, "receptive_field"),
    ({**E, "decoder": "none", "unit": "shufflenetv2", "residual": True}, "residual"),
    ({**E, "decoder": "none", "unit": "shufflenetv2", "residual": False}, "residual"),
    ({**E, "decoder": "none", "unit": "asp", "fusion": "none"}, "fusion"),
    ({**E, "decoder": "none", "unit": "resnet", "pointwise_kernel": 3}, "pointwise_kernel"),
    ({**E, "unit": "shufflenetv2", "residual": False}, "residual"),
    ({**E, "decoder": "none", "branches": 1, "dilated": False}, "dilated"),
    ({**E, "decoder": "none", "branches": 2, "fusion": "none"}, "fusion"),
    ({**E, "decoder": "none", "alphas": 0, "residual": False}, "residual"),
    ({**E, "decoder": "none", "alphas": 0, "pointwise_kernel": 3}, "pointwise_kernel"),
    ({**E, "decoder": "none", "alphas": 0, "downsampling": "strided-conv", "unit": "esp"}, "unit"),
    ({**E, "decoder": "none", "alphas": 0, "downsampling": "strided-conv", "branches": 5}, "branches"),
    ({**E, "alphas": [0, 1], "downsampling": "strided-conv", "unit": ["esp", "esp"]}, "unit[0]"),
    ({**E, "dilated": False, "receptive_field": 9}, "receptive_field"),
    ({**V2, "receptive_field": [9] * 5, "unit": ["eesp", "eesp", "eesp", "resnet"]}, "receptive_field[4]"),
    ({**E, "task": "classification", "decoder": "espnet"}, "decoder"),
    ({**V2, "decoder": "edgenets"}, "decoder"),
    ({**V2, "decoder": "none"}, "decoder"),
    ({**E, "reinforcement": False, "decoder": "espnet-raw"}, "decoder"),
    ({"network": "espnet-a", "decoder": "espnet-raw"}, "decoder"),
    ({**E, "inner": 2.0}, "inner"),
    ({**E, "unit": "asp", "inner": 2.0}, "inner"),
    ({**E, "unit": ["esp", "resnet"], "inner": [2.0, 2.0]}, "inner[0]"),
    ({"network": "dicenet", "inner": 2.0}, "inner"),
    ({"network": "dicenet", "reinforcement": True}, "reinforcement"),
    ({"network": "shufflenetv2", "reinforcement": False}, "reinforcement"),
    ({"network": "dicenet", "fusion": "hff"}, "fusion"),
    ({"network": "dicenet", "residual": True}, "residual"),
    ({"network": "dicenet", "branches": 4}, "branches"),
    ({"network": "dicenet", "dilated": False}, "dilated"),
    ({"network": "shufflenetv2", "task": "segmentation"}, "task"),
    ({"network": "dicenet", "alphas": [3, 7]}, "alphas"),
    ({"network": "dicenet", "task": "segmentation", "input_size": (360, 480)}, "input_size"),
    # a K that does not fit
    ({**V2, "branches": 3}, "branches[0]"),
    ({**V2, "branches": [4, 4, 4, 3]}, "branches[3]"),
    ({**E, "branches": 9}, "branches[0]"),
    ({**E, "unit": "shufflenet", "branches": 5}, "branches[0]"),
    ({**E, "unit": "resnext", "branches": 5}, "branches[0]"),
    ({**E, "unit": "inception", "branches": [4, 1000]}, "branches[1]"),
]  # fmt: skip


def _name(value: object) -> str:
    text = repr(value)
    return text if len(text) < 70 else text[:60] + "..."


@pytest.mark.parametrize(("fields", "field"), REFUSED, ids=_name)
def test_a_refusal_names_field_value_rule_and_a_valid_way_out(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        ArchSpec(**fields)
    error = caught.value
    assert error.field == field
    given = fields[field.split("[")[0]]
    if "[" in field and isinstance(given, list | tuple):
        given = given[int(field.split("[")[1].rstrip("]"))]
    shown = list(given) if isinstance(given, tuple) else given
    assert repr(error.value) in (repr(given), repr(shown))
    assert error.rule and error.nearest is not None
    assert str(error) == f"{field}: {error.value!r}: {error.rule}; nearest valid: {error.nearest}"
    assert "\n" not in str(error)
    # What the message proposes works; a list with two faults may need a message for each.
    for _ in range(4):
        fields = with_nearest(fields, error)
        try:
            ArchSpec(**fields)
            break
        except SpecError as other:
            assert other.field != error.field, f"{error}, but then {other}"
            error = other
    else:
        pytest.fail(f"the messages lead nowhere: {error}")


@pytest.mark.parametrize("wrong", ["espnet-d", "espnetv1", "esspnet"])
def test_an_unknown_network_lists_near_ones(wrong: str) -> None:
    with pytest.raises(SpecError) as caught:
        ArchSpec(wrong)
    assert "nearest valid: espnet" in str(caught.value)
    assert f"({len(NETWORKS)} in all)" in str(caught.value)


@pytest.mark.slow
@given(
    st.sampled_from([name for name, unit in UNITS.items() if unit.branches]),
    st.sampled_from(FREE),
    st.floats(0.1, 2.5),
    st.integers(1, 70),
)
@settings(max_examples=200)
def test_the_k_that_a_message_proposes_fits(unit: str, where: tuple[str, str], width: float, k: int) -> None:
    """For one K for all levels, the proposed K fits all levels: strided and not, narrow and wide."""
    fields: dict[str, Any] = {"network": where[0], "task": where[1], "unit": unit, "width": width}
    try:
        ArchSpec(**fields, branches=k)
    except SpecError as error:
        assert error.field.startswith("branches[") and error.value == k
        assert isinstance(error.nearest, int) and error.nearest != k
        assert set(ArchSpec(**fields, branches=error.nearest).branches) == {error.nearest}


@pytest.mark.slow
@given(st.sampled_from(["eesp", "shufflenet", "resnext"]), st.floats(0.1, 2.5), st.data())
@settings(max_examples=100)
def test_the_k_that_a_message_proposes_fits_its_level(unit: str, width: float, data: st.DataObject) -> None:
    ks: list[int] = data.draw(st.lists(st.integers(1, 40), min_size=4, max_size=4, unique=True))
    for _ in range(4):
        try:
            ArchSpec("espnetv2", unit=unit, width=width, branches=ks)
            return
        except SpecError as error:
            level = int(error.field.removeprefix("branches[").removesuffix("]"))
            assert isinstance(error.nearest, int)
            ks = [*ks[:level], error.nearest, *ks[level + 1 :]]
    ArchSpec("espnetv2", unit=unit, width=width, branches=ks)


def test_the_proposed_k_is_the_nearest() -> None:
    fits = [k for k in range(1, 40) if _fits(k)]
    for k in range(1, 40):
        try:
            ArchSpec("espnetv2", branches=k)
        except SpecError as error:
            assert isinstance(error.nearest, int)
            assert abs(error.nearest - k) == min(abs(n - k) for n in fits)


def _fits(k: int) -> bool:
    try:
        ArchSpec("espnetv2", branches=k)
    except SpecError:
        return False
    return True


@pytest.mark.parametrize("field", ["brances", "wdth", "receptivefield", "xyz", 3])
def test_an_unknown_field_lists_near_ones(field: object) -> None:
    with pytest.raises(SpecError) as caught:
        ArchSpec.from_dict({"network": "espnet", field: 1})  # type: ignore[dict-item]
    assert "unknown field" in str(caught.value) and str(field) in str(caught.value)
    assert f"({len(FIELDS)} in all)" in str(caught.value)


def test_an_unknown_field_proposes_the_nearest() -> None:
    with pytest.raises(SpecError, match="nearest valid: branches"):
        ArchSpec.from_dict({"network": "espnet", "brances": 1})


@pytest.mark.parametrize("version", [SPEC_VERSION + 1, 99])
def test_a_newer_version_is_refused_as_such(version: int) -> None:
    with pytest.raises(SpecError, match=rf"version: {version}: .*newer.*nearest valid: {SPEC_VERSION}"):
        ArchSpec.from_dict({"version": version, "network": "espnet"})


@pytest.mark.parametrize("version", [0, -1, "one", None, 1.5])
def test_a_version_that_never_was_is_not_called_newer(version: object) -> None:
    with pytest.raises(SpecError, match="version") as caught:
        ArchSpec.from_dict({"version": version, "network": "espnet"})
    assert "newer" not in str(caught.value)


@pytest.mark.parametrize("data", [None, 3, "espnet", ["network", "espnet"], [("network", "espnet")]])
def test_what_is_no_mapping_is_refused(data: object) -> None:
    with pytest.raises(SpecError, match="must be a mapping of fields"):
        ArchSpec.from_dict(data)  # type: ignore[arg-type]


def test_a_spec_without_a_network_is_refused() -> None:
    with pytest.raises(SpecError, match="network"):
        ArchSpec.from_dict({"width": 1.0})


def test_missing_fields_are_defaults() -> None:
    assert ArchSpec.from_dict({"network": "espnet"}) == ArchSpec("espnet")
    assert ArchSpec.from_yaml("network: espnetv2\nwidth: 2") == ArchSpec("espnetv2", width=2.0)


def test_an_unknown_preset_proposes_the_nearest() -> None:
    with pytest.raises(InputError, match=r"nearest valid: espnetv2-1\.0"):
        preset("espnetv2-1.00")


def test_a_label_is_short_and_says_what_it_is() -> None:
    assert ArchSpec("espnetv2", width=0.5).label == "espnetv2 s=0.5 eesp K=4 a=0-3-7-3"
    assert (
        ArchSpec("espnet-c", unit=["esp", "resnet"], branches=3).label == "espnet-c s=1 esp+resnet K=3 a=2-8"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        (
            {"fusion": "cascade", "shortcut": "projected", "decoder": "meu-sigmoid", "long_skip": True},
            " fusion=cascade decoder=meu-sigmoid shortcut=projected long-skip",
        ),
        ({"decoder": "bilinear"}, " decoder=bilinear"),
        ({"decoder_width": 0.5, "gate": True, "stem": "thick"}, " stem=thick gate dw=0.5"),
        ({"residual": False, "activation": "prelu"}, " residual=no activation=prelu"),
        ({"receptive_field": 5}, " rf=5"),
        ({"dilated": False, "downsampling": "joint"}, " dilated=no downsampling=joint"),
    ],
)
def test_a_label_has_what_is_not_as_the_network_has_it(changes: dict[str, Any], words: str) -> None:
    assert ArchSpec("fpenet", **changes).label == "fpenet s=1 fpe K=4 a=1-2-8" + words


def test_networks_for_the_same_data_that_differ_have_labels_that_differ() -> None:
    rng = random.Random(0)
    seen: dict[str, str] = {}
    for _ in range(300):
        fields = {**random_fields(rng), "classes": 5, "input_size": (32, 32), "channels": 3, "width": 0.5}
        try:
            spec = ArchSpec.sampled(
                {**fields, "network": "fpenet", "unit": rng.choice(["fpe", "pct", "eda"])}
            )
        except SpecError:
            continue
        assert seen.setdefault(spec.label, spec.arch_id) == spec.arch_id
    assert len(seen) > 100


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_of_one_study_that_differ_in_a_field_have_labels_that_differ(network: str) -> None:
    rng = random.Random(network)
    text = NETWORKS[network].reads.sequence
    of_data = ("network", "task", "classes", "input_size", *(() if text else ("channels",)))
    differing = set()
    for _ in range(150):
        task = rng.choice(list(NETWORKS[network].alphas))
        usual = ArchSpec(network, task=task)
        drawn, changed = (
            random_fields(rng)
            | {"channels": rng.choice((32, 64, 400))}
            | {n: getattr(usual, n) for n in of_data}
            for _ in range(2)
        )
        name = rng.choice([name for name in FIELDS if name not in of_data])
        try:
            one, two = (ArchSpec.sampled(fields) for fields in (drawn, drawn | {name: changed[name]}))
        except SpecError:
            continue
        if one.arch_id != two.arch_id:
            differing.add(name)
            # Which level has which unit and which K is all that a label leaves out.
            assert len({(spec.label, spec.unit, spec.branches) for spec in (one, two)}) == 2
    assert len(differing) > 2 and ("channels" in differing) == text


def test_a_label_of_a_text_has_the_width_of_its_words_and_none_of_images_has_channels() -> None:
    assert ArchSpec("eru", width=0.1, channels=64).label == "eru s=0.1 eesp K=4 a=3 channels=64"
    assert ArchSpec("eru").label == "eru s=1 eesp K=4 a=3"
    assert ArchSpec("espnet-c", channels=1).label == ArchSpec("espnet-c").label


@pytest.mark.parametrize(
    ("network", "field", "value"),
    [
        ("segnet", "stem", "thick"),
        ("segnet", "gate", True),
        ("eru", "long_skip", True),
        ("segnet", "unit", 7),
    ],
)
def test_a_network_says_which_field_it_has_not(network: str, field: str, value: object) -> None:
    with pytest.raises(SpecError, match=f"{field}: {value!r}: {network} has no {field} to choose"):
        ArchSpec(network, **{field: value})
