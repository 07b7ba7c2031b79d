"""Every kind of network and every unit can be exported, and answers as torch does."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import torch

from archspace.build import build
from archspace.export.export import export
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from tests.archspace.export.trained import lived_in, trained
from tests.archspace.strategies import random_spec

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("espnet-c", (64, 96)),
        ("espnet-camvid", (120, 160)),
        ("espnetv2-0.5", (64, 64)),
        ("espnetv2-seg-0.5", (48, 80)),
        ("dicenet-seg-0.5", (48, 240)),
        ("shufflenetv2-0.5", (64, 64)),
        ("esnet", (64, 96)),
        ("enet", (64, 96)),
        ("segnet", (32, 64)),
        ("erfnet", (32, 64)),
        ("mobilenetv2-0.35", (64, 64)),
        ("shufflenetv1-0.5-g3", (64, 64)),
        ("espnetv2-ssd300-voc", (64, 64)),
        ("fpenet", (48, 64)),
        ("fpenet-b", (48, 80)),
        ("dabnet", (32, 64)),
    ],
)
def test_presets_export(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    """With one repeated unit a level: more of the same take longer and say no more.

    The file for TensorRT 8.2 is the ONNX file under more rules: whoever leaves as that leaves as ONNX.
    """
    spec = PRESETS[name].spec.replace(input_size=size, alphas=1)
    report = export(trained(spec), tmp_path / "out", real_inputs=torch.rand(2, 3, *size), formats=["tx2"])
    assert all(one.holds and one.same_class > 0.99 for one in report.agreements.values())


@pytest.mark.parametrize(
    ("network", "units"),
    [
        ("espnetv2", ("esp", "eesp", "mobilenet", "mobilenetv2")),
        ("espnetv2", ("shufflenetv2", "resnet", "shufflenet", "asp")),
        ("espnetv2", ("resnext", "inception", "resnext", "eesp")),
        ("espnet-c", ("shufflenet", "inception")),
        ("espnet-c", ("shufflenetv2", "mobilenet")),
        ("espnet-c", ("resnext", "asp")),
        ("espnet-c", ("resnet", "mobilenetv2")),
        ("espnet", ("eesp", "esp")),
        ("espnetv2", ("fcu", "pfcu", "non-bottleneck-1d", "enet")),
        ("espnetv2", ("fpe", "dab", "depthwise-1d", "cg")),
        ("lcnet", ("pct", "eda")),
    ],
)
def test_every_unit_exports(network: str, units: tuple[str, ...], tmp_path: Path) -> None:
    spec = ArchSpec(network, unit=units, alphas=(1,) * len(units), classes=5, input_size=(24, 32))
    report = export(trained(spec), tmp_path / "out", formats=["tx2"])
    assert report.agreements["tx2 random"].relative <= 1e-4


@pytest.mark.parametrize("seed", range(int(os.environ.get("ARCHSPACE_RANDOM_SPECS", "4"))))
def test_random_networks_export(seed: int, tmp_path: Path) -> None:
    """Networks of the whole space; ``ARCHSPACE_RANDOM_SPECS=50`` tries more."""
    spec = random_spec(random.Random(seed), most_params=2_000_000)
    if spec.input_size[0] % 32 == 0:
        spec = spec.replace(input_size=(32, 32))
    torch.manual_seed(seed)
    export(lived_in(build(spec)), tmp_path / "out", formats=["tx2", "standalone"])
