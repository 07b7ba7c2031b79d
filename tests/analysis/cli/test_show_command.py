"""The architecture table: its rows add up to the exact counts and hold what the papers print."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from analysis.cli.commands import register
from analysis.counts.architecture import UNSEEN, rows
from analysis.counts.complexity import count
from analysis.fields.reach import ALIGNED_RESIZE
from analysis.fields.theoretical import receptive_fields
from archspace.presets import PRESETS, preset
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from tests.commands import python

SPECS = {
    **{name: preset.spec for name, preset in PRESETS.items()},
    "strided-conv": ArchSpec("espnetv2", classes=10, unit="shufflenet", downsampling="strided-conv"),
    "no units": ArchSpec("espnet-c", task="segmentation", classes=4, alphas=(0, 0), reinforcement=False),
    "mixed": ArchSpec("espnet", task="segmentation", classes=4, unit=("resnext", "inception")),
}


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["show", *arguments])


def read(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.mark.parametrize("name", SPECS)
def test_rows_add_up_to_the_exact_counts(name: str) -> None:
    spec = SPECS[name]
    lines, cost = rows(spec), count(spec)
    assert sum(row.params for row in lines) == cost.params
    assert sum(row.macs for row in lines) == cost.macs
    for level, counted in cost.levels.items():
        assert sum(row.params for row in lines if row.level == level) == counted.params
        assert sum(row.macs for row in lines if row.level == level) == counted.macs


@pytest.mark.parametrize("name", SPECS)
def test_a_levels_last_row_has_the_levels_field(name: str) -> None:
    spec = SPECS[name]
    lines = rows(spec)
    for field in receptive_fields(spec):
        last = [row for row in lines if row.level == field.name][-1]
        whole = "all earlier tokens" if spec.task == "language" else "whole image"
        if field.name == "head" and spec.decoder in ("bilinear", "dad") and field.whole == ALIGNED_RESIZE:
            whole = "whole image (resized)"
        assert last.receptive_field == (field.side or whole)
    assert all(row.receptive_field not in (UNSEEN, 0) for row in lines)
    assert all((row.receptive_field is None) == row.dead for row in lines)


def test_espnet_reads_as_figure_4_of_its_paper() -> None:
    report = read("espnet")
    shown = [
        (row["level"], row["layer"], row["output_size"], row["channels"], row["repeats"], row["branches"])
        for row in report["rows"]
        if ("conv" in row["layer"] and row["level"] == "level1") or "unit" in row["layer"].split(",")[0]
    ]
    assert ("level2", "ESP unit, HFF, residual", [128, 256], 64, 2, 5) in shown
    assert ("level3", "ESP unit, HFF, residual", [64, 128], 128, 8, 5) in shown
    assert ("level1", "3 x 3 conv", [256, 512], 16, 1, None) in shown
    units = next(row for row in report["rows"] if row["path"] == "level3.units")
    assert units["dilations"] == [1, 2, 4, 8, 16] and units["receptive_field"] == 2703
    assert [row["channels"] for row in report["rows"] if row["path"].endswith(".mix")] == [19, 131, 256]
    assert report["rows"][-1]["output_size"] == [512, 1024] and report["params"] == 364569


def test_espnetv2_reads_as_table_1_of_its_paper() -> None:
    lines = {row.path: row for row in rows(PRESETS["espnetv2-1.0"].spec)}
    sizes = {path: (row.output_size, row.channels, row.repeats) for path, row in lines.items()}
    assert sizes["level1"] == ((112, 112), 32, 1)
    assert sizes["level2.down.unit"] == ((56, 56), 32, 1)
    assert sizes["level2.down.last"] == ((56, 56), 64, 1)
    assert sizes["level3.units"] == ((28, 28), 128, 3)
    assert sizes["level4.units"] == ((14, 14), 256, 7)
    assert sizes["level5.units"] == ((7, 7), 512, 3)
    assert sizes["expand"] == ((7, 7), 1024, 1)
    assert lines["level5.down.image"].dead and lines["level5.down.image"].macs == 0
    assert lines["level4.units"].dilations == (1, 1, 2, 3)
    assert lines["level2.down.image"].receptive_field == 15
    assert lines["head.linear"].receptive_field == "whole image"


def test_the_options_change_the_network() -> None:
    report = read(
        "espnetv2-1.0", "--task", "segmentation", "--classes", "7", "--input", "32x48",
        "--set", "width=0.5", "--set", "alphas=[0, 1, 2]",
    )  # fmt: skip
    spec = ArchSpec.from_dict(report["spec"])
    assert (spec.task, spec.classes, spec.input_size, spec.alphas) == ("segmentation", 7, (32, 48), (0, 1, 2))
    assert report["rows"][-1]["output_size"] == [32, 48] and report["rows"][-1]["channels"] == 7
    assert report["macs"] == count(spec).macs


def test_the_table_has_levels_totals_and_units() -> None:
    result = run("espnet", "--input", "64x64")
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for word in ("level1", "level3", "head", "total", "364,569", "1,2,4,8,16", "1/2", "field px", "1 MAC ="):
        assert word in words
    assert "never runs" in run("espnetv2-1.0").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("espnetv2-0.6",), "nearest valid: espnetv2-0.5"),
        (("espnet", "--input", "big"), "input: 'big'"),
        (("espnet", "--set", "widht=2"), "widht.*width"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, InputError) and not result.stdout.strip()
    with pytest.raises(InputError, match=message):
        raise result.exception


def test_showing_a_network_needs_no_torch() -> None:
    code = "import sys; from analysis.counts.architecture import architecture; from archspace.presets import preset\n"
    code += "assert architecture(preset('espnet').spec)['rows']; assert 'torch' not in sys.modules"
    ran = python(code)
    assert ran.returncode == 0, ran.stderr


def test_a_cascade_and_what_a_long_skip_spans_are_named() -> None:
    spec = preset("fpenet-b").spec
    shown = [
        (row.layer, row.repeats, row.branches, row.output_size) for row in rows(spec) if row.level == "level3"
    ]
    assert shown == [
        ("FPE unit, cascade", 1, 4, (45, 60)),
        ("FPE unit, cascade, residual, under a long skip", 8, 4, (45, 60)),
    ]
    spec = spec.replace(fusion="hff", gate=True)
    assert [row.layer for row in rows(spec) if row.level == "level3"][1:] == [
        "FPE unit, HFF, residual, under a long skip", "channel gate",
    ]  # fmt: skip
    assert sum(row.macs for row in rows(spec)) == count(spec).macs
