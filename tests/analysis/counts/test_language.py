"""The analysis commands on a language model: counted by sequence, its field in tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from analysis.cli.commands import register
from analysis.counts.complexity import count
from analysis.counts.counters import count_all
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError

SMALL = ("--set", "width=0.05", "--set", "channels=48", "--classes", "30", "--input", "12x1")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, list(arguments))


def read(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_cost_counts_a_sequence_and_the_counters_say_what_they_miss() -> None:
    report = read("cost", "eru-7m", *SMALL)
    spec = ArchSpec.from_dict(report["spec"])
    assert spec.input_size == (12, 1) and report["macs"] == count(spec).macs
    assert report["flops_torch"] == 2 * report["macs"]
    assert list(report["levels"]) == ["embed", "layer1", "layer2", "layer3", "head"]
    assert f"addmm x {3 * 12 + 1}" in report["left_out"]["thop"]
    assert "sigmoid_ x 108" in report["left_out"]["fvcore"]
    assert "one sequence of 12 tokens" in " ".join(run("cost", "eru-7m", *SMALL).stdout.split())


def test_what_fvcore_and_thop_add_and_miss_accounts_for_all_of_their_difference() -> None:
    spec = ArchSpec("eru", width=0.05, channels=48, classes=30, input_size=(12, 1))
    counted = {n: c.macs - sum(c.counts_extra.values()) for n, c in count_all(build(spec)).items()}
    total = count(spec).total
    assert counted == {"torch": total.macs, "fvcore": total.macs, "thop": total.conv_macs}


def test_show_reads_layer_by_layer() -> None:
    report = read("show", "eru-15m")
    paths = [row["path"] for row in report["rows"]]
    layers = [f"layer{n}.{part}" for n in (1, 2, 3) for part in ("transform", "recurrent")]
    assert paths == ["embed", *layers, "head.decoder"]
    rows = {row["path"]: row for row in report["rows"]}
    assert rows["embed"]["params"] == 4_000_000 and rows["embed"]["macs"] == 0
    assert rows["layer1.transform"]["receptive_field"] == 9
    assert rows["layer1.transform"]["dilations"] == [1, 2, 3, 4]
    assert rows["layer1.recurrent"]["receptive_field"] == "all earlier tokens"
    assert rows["head.decoder"]["params"] == 10_000 and rows["head.decoder"]["output_size"] == [70, 1]
    words = " ".join(run("show", "eru-15m").stdout.split())
    for word in ("EESP unit along time, HFF", "tied to the embedding", "input 70 tokens", "field tokens"):
        assert word in words


def test_receptive_fields_are_in_tokens_and_in_theory() -> None:
    report = read("receptive-field", "eru-7m", "--set", "branches=2")
    assert report["levels"]["embed"] == {
        "theoretical_tokens": 1, "all_earlier_tokens": None, "window_tokens": None,
    }  # fmt: skip
    layer = report["levels"]["layer2"]
    assert layer["theoretical_tokens"] is None and "all earlier tokens" in layer["all_earlier_tokens"]
    assert layer["window_tokens"] == 5
    words = " ".join(run("receptive-field", "eru-7m").stdout.split())
    assert "all earlier tokens" in words and "9 tokens" in words and "nothing is measured" in words


@pytest.mark.parametrize("option", [("--level", "level2"), ("--image", "street.png")])
def test_a_language_model_reads_no_image(option: tuple[str, str]) -> None:
    result = run("receptive-field", "eru-7m", *option)
    assert isinstance(result.exception, FieldError) and option[1] in str(result.exception)


def test_presets_say_that_they_are_our_reading() -> None:
    rows = {row["name"]: row for row in read("presets")["presets"]}
    for name in ("eru-7m", "eru-15m"):
        assert rows[name]["published"] == {} and "our reading" in rows[name]["source"]
