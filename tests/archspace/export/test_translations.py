"""torch's table of operators is made once a process, and torch is left as it was."""

from __future__ import annotations

import pytest
import torch

from archspace.export.translations import translations_kept


def test_the_table_is_made_once_and_the_maker_stands_as_before() -> None:
    registration = pytest.importorskip("torch.onnx._internal.exporter._registration")
    registry = registration.ONNXRegistry
    before = registry.__dict__["from_torchlib"]
    with translations_kept():
        one, same = (registry().from_torchlib(opset_version=18) for _ in range(2))
    with pytest.raises(ZeroDivisionError), translations_kept():
        other = registry.from_torchlib(18)
        raise ZeroDivisionError
    assert one is same is other and registry.__dict__["from_torchlib"] is before
    assert (
        one.opset_version == 18
        and one.functions.keys() == before.__get__(None, registry)(18).functions.keys()
    )


def test_operators_that_were_registered_since_are_in_the_table() -> None:
    registration = pytest.importorskip("torch.onnx._internal.exporter._registration")
    with translations_kept():
        before = registration.ONNXRegistry.from_torchlib(18)
        with torch.library._scoped_library("archspace_since", "DEF") as library:
            library.define("later(Tensor x) -> Tensor")
            assert registration.ONNXRegistry.from_torchlib(18) is not before
        assert registration.ONNXRegistry.from_torchlib(18) is before
