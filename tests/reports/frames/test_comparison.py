"""A comparison beside the published numbers: frames, waterfall, bubbles, tables, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from analysis.quantities import objective
from analysis.store.records import Measurement, StudyRecord, TrialRecord
from analysis.store.runs import write_record
from archspace.__main__ import make_app
from archspace.plan import count_block
from archspace.presets import preset
from archspace.presets.modules import HOST, MODULES
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from reports.figures.ablation import ablation_figure, waterfall
from reports.figures.modules import LARGEST, module_figure, module_panels
from reports.frames.comparison import correlations, network_frame, step_frame, with_published_modules
from reports.style.point_labels import Mark, shifts
from reports.tables.comparison import network_table, step_table
from tests.reports.runs import study_config

OBJECTIVES = ("miou", "params", "latency_ms")
STEPS = [
    {"part": "table 2(a)", "base": "relu", "variant": "a", "change": "PReLU", "published": "ESPNet-A PReLU vs ReLU"},
    {"part": "table 2(e)", "base": "a", "variant": "k", "change": "K = 2", "published": None},
    {"part": "table 2(f)", "base": "a", "variant": "b", "change": "concatenated",
     "published": "ESPNet-A -> ESPNet-B (feature concatenation)"},
]  # fmt: skip


def record(
    name: str, number: int, spec: ArchSpec, miou: float, latency: float = 10.0, seed: int = 0
) -> TrialRecord:
    params = float(count_block(spec.plan, spec.input_size).params)
    values = {"miou": miou, "params": params, "latency_ms": latency}
    how = {"record": {"missing": {"energy_mj": "no sensor"}, "flags": []}}
    return TrialRecord(
        label=f"given-{number}", number=number, state="complete", given=name, spec=spec.to_dict(), seed=seed,
        arch_id=spec.arch_id, values=values,
        measurements={
            n: Measurement(n, v, objective(n).unit, "counted" if n == "params" else "measured", how)
            for n, v in values.items()
        },
    )  # fmt: skip


def study(trials: list[TrialRecord], given: list[dict[str, Any]], **comparison: object) -> StudyRecord:
    config = {**study_config(OBJECTIVES), "given": given, "comparison": comparison, "task": "segmentation"}
    return StudyRecord(
        name="compared", config=config, objectives=tuple(map(objective, OBJECTIVES)), trials=tuple(trials)
    )


def modules_study(mious: dict[str, float]) -> StudyRecord:
    host = preset(HOST).spec
    trials = [
        record(name, i, MODULES[name].spec(host), miou, 10.0 + i)
        for i, (name, miou) in enumerate(mious.items())
    ]
    return study(trials, [{"name": name} for name in mious], kind="modules")


def ablation_study() -> StudyRecord:
    a = ArchSpec("espnet-a", task="segmentation", alphas=(2, 3), classes=20, input_size=(64, 64))
    b = ArchSpec("espnet-b", task="segmentation", alphas=(2, 3), classes=20, input_size=(64, 64))
    specs = {"relu": a.replace(activation="relu"), "a": a, "k": a.replace(branches=2), "b": b}
    values = {"relu": (40, 41, 42), "a": (42, 44, 46), "k": (41, 43, 45), "b": (43, 45, 48)}
    trials, given = [], []
    for seed in range(3):
        for name in specs:
            own = name if seed == 0 else f"{name} #{seed + 1}"
            given.append({"name": own, "repeat_of": name if seed else None})
            trials.append(record(own, len(trials), specs[name], values[name][seed], seed=seed))
    return study(trials, given, kind="ablation", paper="espnet", steps=STEPS)


PUBLISHED_ORDER = {"ESP": 45.0, "MobileNet": 38.0, "ShuffleNet": 33.0, "Inception": 39.0, "ResNeXt": 46.0,
                   "ResNet": 50.0, "EESP": 44.0}  # fmt: skip


def test_modules_stand_next_to_the_published_ones() -> None:
    frame = with_published_modules(network_frame(modules_study(PUBLISHED_ORDER))).set_index("name")
    assert frame.loc["ResNet", "published_params"] == 1.2e6 and frame.loc["ResNet", "published_metric"] == 54
    assert (
        frame.loc["ESP", "published_fps"] == 54.0
        and frame.loc["ESP", "published_origin"] == "read-off-figure"
    )
    assert frame.loc["ESP", "size"] == 4 * frame.loc["ESP", "params"] == 4 * 187529
    assert frame.loc["ESP", "fps"] == pytest.approx(100) and frame.loc["ESP", "field"] == 1423
    assert frame["published_metric"].isna().to_dict()["EESP"]
    assert frame.loc["ESP", "energy_missing"] == "no sensor"


def test_rank_correlation_is_one_for_the_published_order_and_falls_with_a_swap() -> None:
    ranks = correlations(with_published_modules(network_frame(modules_study(PUBLISHED_ORDER))))
    assert ranks["metric"].n == 6 and ranks["metric"].spearman == pytest.approx(1)
    swapped = {**PUBLISHED_ORDER, "ESP": 46.0, "ResNeXt": 45.0}  # neighbours: 1 - 6 x 2 / (6 x 35)
    ranks = correlations(with_published_modules(network_frame(modules_study(swapped))))
    assert ranks["metric"].spearman == pytest.approx(1 - 12 / 210)
    assert ranks["metric"].kendall == pytest.approx(13 / 15)


def test_deltas_are_paired_by_seed() -> None:
    source = ablation_study()
    steps = step_frame(source, network_frame(source))
    first = steps.iloc[0]
    assert (first["before"], first["after"], first["delta"], first["seeds"]) == (
        41,
        44,
        3,
        3,
    )  # 2, 3, 4 by seed
    assert first["delta_high"] - 3 == pytest.approx(4.302653 / 3**0.5, abs=1e-5)
    assert first["published_delta"] == 2 and first["published_source"]
    assert steps.iloc[1]["delta"] == -1 and pd.isna(steps.iloc[1]["published_delta"])
    assert steps.iloc[1]["delta_params_pct"] > 100


def test_the_waterfall_goes_from_before_to_after() -> None:
    source = ablation_study()
    bars = waterfall(step_frame(source, network_frame(source)))
    assert [(bar.before, bar.after, bar.gain) for bar in bars[:2]] == [(41, 44, True), (44, 43, False)]
    assert bars[0].published == 43 and bars[0].summary == "+3.00 ± 2.48 (published +2)"
    assert bars[1].published is None and bars[1].summary.startswith("−1.00")
    assert [bar.continues for bar in bars] == [False, True, False]
    figure = ablation_figure(bars, "mIoU (%)", title="a <b> & c")
    gains, losses, diamonds = figure.data
    assert list(gains.base) == [41, 44] and list(gains.x) == pytest.approx([3, bars[2].after - 44])
    assert list(losses.x) == [-1] and list(diamonds.x) == [43, 45]
    assert len(figure.layout.shapes) == 1 and "a &lt;b&gt; &amp; c" in figure.layout.title.text


def test_bubbles_have_areas_by_parameters_and_one_scale() -> None:
    frame = with_published_modules(network_frame(modules_study(PUBLISHED_ORDER)))
    rows = module_panels(frame, "mIoU (%)", "Here", "Published")
    assert [len(row) for row in rows] == [2, 2]
    ours = {bubble.name: bubble for bubble in rows[0][0].bubbles}
    largest = max(ours.values(), key=lambda one: one.params)
    assert largest.name == "ResNet" and largest.diameter == pytest.approx(LARGEST)
    ratio = ours["ResNeXt"].diameter / ours["ResNet"].diameter
    assert ratio**2 == pytest.approx(ours["ResNeXt"].params / ours["ResNet"].params)
    assert rows[0][0].log and not rows[0][1].log
    assert "EESP" in ours and "EESP" not in {bubble.name for bubble in rows[1][0].bubbles}
    figure = module_figure(rows, title="t")
    assert len(figure.data) == 7 + 7 + 6 + 6


def test_names_keep_clear_of_marks_and_of_each_other() -> None:
    marks = [Mark(f"network {i}", 200 + 14 * i, 100 + 5 * i, 8, 8, 8) for i in range(3)]
    boxes = [(m.x + dx, m.y + dy) for m, (dx, dy) in zip(marks, shifts(marks, 500, 200), strict=True)]
    for i, (x, y) in enumerate(boxes):
        assert x - 31.5 >= 0 and x + 31.5 <= 500 and y - 7.5 >= 0 and y + 7.5 <= 200
        assert all(abs(x - a) >= 63 or abs(y - b) >= 15 for j, (a, b) in enumerate(boxes) if j != i)
        assert all(abs(x - m.x) >= 31.5 + 8 or abs(y - m.y) >= 7.5 + 8 for m in marks)


def test_tables_mark_every_origin() -> None:
    frame = with_published_modules(network_frame(modules_study(PUBLISHED_ORDER)))
    table = network_table(frame, "miou", title="t", correlations=correlations(frame))
    origins = {
        column.key: {cell.origin for cell in table.column(column.key)[1] if cell.known}
        for column in table.columns
    }
    assert origins["metric"] == {"measured"} and origins["params"] == {"counted"}
    assert origins["published_metric"] == {"read-off-figure"}
    assert "energy_mj" not in origins and any("no sensor" in note for note in table.notes)
    assert any("Spearman 1.00" in note and "(n = 6)" in note for note in table.notes)
    source = ablation_study()
    steps = step_table(step_frame(source, network_frame(source)), title="t")
    assert [cell.printed for cell in steps.column("published_delta")[1]] == ["2", None, "1"]
    assert not any(row.notes for row in steps.rows)
    schedule = [{**STEPS[0], "published": "cyclic LR with warm restarts"}]
    scheduled = study(
        list(source.trials), list(source.config["given"]), kind="ablation", paper="espnetv2", steps=schedule
    )
    (row,) = step_table(step_frame(scheduled, network_frame(scheduled)), title="t").rows
    assert row.notes[0].startswith("published: more effective than the standard fixed")


def test_what_is_no_comparison_or_has_nothing_is_refused(tmp_path: Path) -> None:
    empty = study([], [{"name": "ESP"}], kind="modules")
    with pytest.raises(InputError, match="no network of the comparison has finished"):
        network_frame(empty)
    partial = modules_study({"ESP": 45.0})
    with pytest.raises(InputError, match="no step of the ablation"):
        source = study(list(partial.trials), [{"name": "ESP"}], kind="ablation", paper="espnet", steps=STEPS)
        step_frame(source, network_frame(source))
    run = tmp_path / "search"
    run.mkdir()
    (run / "study.yaml").write_text(yaml.safe_dump(study_config(OBJECTIVES)))
    write_record(run, partial.trials[0])
    result = CliRunner().invoke(make_app(), ["compared", str(run)])
    assert isinstance(result.exception, InputError) and "is no comparison" in str(result.exception)
    assert not (run / "report").exists()


@pytest.mark.slow
def test_the_command_writes_tables_and_figures(tmp_path: Path) -> None:
    source = modules_study(PUBLISHED_ORDER)
    run = tmp_path / "run"
    run.mkdir()
    (run / "study.yaml").write_text(yaml.safe_dump(dict(source.config)))
    for trial in source.trials:
        write_record(run, trial)
    result = CliRunner().invoke(make_app(), ["compared", str(run), "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert {"comparison.md", "comparison.html", "networks.csv", "networks.tex", "modules.html"} <= set(
        printed["files"]
    )
    assert all(Path(path).is_file() for path in printed["files"].values())
    assert [row["labels"]["Network"] for row in printed["tables"][0]["rows"]] == list(PUBLISHED_ORDER)
