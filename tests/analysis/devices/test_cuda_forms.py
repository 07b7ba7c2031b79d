"""Forms for CUDA as runtimes: listed, refused in one line where there is no GPU, chosen for a comparison."""

from __future__ import annotations

import json

import pytest
import torch

from analysis.devices.compare import compare
from analysis.devices.local import LocalDevice
from analysis.devices.settings import Settings
from analysis.devices.target import Target
from analysis.runtimes import RUNTIMES
from analysis.runtimes.cuda_forms import CudaForm
from archspace.build import build
from archspace.cuda.forms import FORMS
from archspace.export.deploy import deployed
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from tests.commands import archspace, refused

ON_GPU = [name for name, runtime in RUNTIMES.items() if isinstance(runtime, CudaForm)]


def small() -> Target:
    return Target.of(build(ArchSpec("espnetv2", width=0.25, alphas=0, classes=3, input_size=32)))


@pytest.mark.parametrize("name", ON_GPU)
def test_a_form_says_what_it_is_and_needs_a_gpu(name: str) -> None:
    form = RUNTIMES[name]
    assert isinstance(form, CudaForm) and form.units in FORMS
    assert form.graph == name.endswith("graph") and form.channels_last == ("channels-last" in name)
    assert (form.mode is not None) == ("compile" in name) and ("CUDA graph" in form.said) == form.graph
    with pytest.raises(InputError, match=f"runtime: '{name}': .* CUDA GPU"):
        LocalDevice("cpu").measure(small(), Settings(runtime=name, power=False))


@pytest.mark.parametrize("name", ["streams", "fused", "channels-last", "fused-channels-last-graph"])
def test_what_a_form_runs_answers_as_torch_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, where neither kernels nor streams run and nothing is captured: the way to the network is the same."""
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setattr(RUNTIMES[name], "prepared", lambda network, x: network)
    target, settings = small(), Settings()
    with RUNTIMES[name].open(target, "cpu", settings, None) as opened:  # type: ignore[arg-type]
        assert RUNTIMES[name].said in opened.how["form"]  # type: ignore[attr-defined]
        assert (
            LocalDevice("cpu").compared(RUNTIMES[name], opened, target, settings, None)["agreement"][  # type: ignore[arg-type]
                "max_relative_difference"
            ]
            <= 1e-5
        )


def test_a_comparison_takes_the_runtimes_that_were_chosen() -> None:
    settings = Settings(runs=2, warmup=1, reference=False)
    comparison = compare(small(), LocalDevice("cpu"), settings, among=["torch", "fused-graph"])
    assert list(comparison.records) == ["torch"] and list(comparison.unavailable) == ["fused-graph"]


def test_a_network_without_such_units_has_no_form_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where the form would run what torch eager does under another name."""
    for name in ("fused", "channels-last"):
        monkeypatch.setattr(type(RUNTIMES[name]), "unavailable", lambda self, device: None)
        monkeypatch.setattr(type(RUNTIMES[name]), "precisions", {"cpu": ("float32",)})
    target = Target.of(build(ArchSpec("fpenet", alphas=1, classes=3, input_size=32)))
    settings = Settings(runs=2, warmup=1, reference=False)
    found = compare(target, LocalDevice("cpu"), settings, among=["torch", "fused", "channels-last"])
    assert set(found.records) == {"torch", "channels-last"}
    assert found.unavailable == {"fused": f"{target.label} has no EESP or ESP unit"}
    with RUNTIMES["fused"].open(target, "cpu", settings, None) as opened:  # type: ignore[arg-type]
        assert "kernels" not in opened.how["form"] and "no EESP or ESP unit" in opened.how["form"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--compare", "--among", "torch,fuse"], "runtime: 'fuse': unknown runtime; nearest valid: fused"),
        (["--among", "torch"], "among: 'torch': chooses runtimes of --compare"),
    ],
)
def test_a_wrong_choice_is_one_line(options: list[str], said: str) -> None:
    refused(archspace("measure", "espnetv2-0.5", *options), said)


def test_an_unknown_form_has_a_nearest() -> None:
    with pytest.raises(FieldError, match="form: 'fuse': unknown form; nearest valid: fused"):
        deployed(build(ArchSpec("espnetv2", width=0.25)), "fuse")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", [name for name in ON_GPU if "compile" not in name])
def test_a_form_agrees_on_a_gpu(name: str) -> None:
    record = LocalDevice("cuda").measure(small(), Settings(runtime=name, runs=3, power=False, attempts=1))
    assert record.how["agreement"]["max_relative_difference"] <= 1e-5 and json.dumps(record.to_dict())
