"""The one table of quantities: everything that names one has its entry, and one more entry is enough for a new one."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.devices.record import DeviceRecord, Latency, RailPower
from analysis.quantities import (
    COMPARED,
    QUANTITIES,
    Quantity,
    described,
    goals,
    main_metric,
    metrics_of,
    objective,
    register,
    task_of_metrics,
)
from analysis.store.picks import pick_trial
from analysis.store.runs import QUANTITIES_FILE, read_run
from archspace.__main__ import make_app
from archspace.plan import Conv, placed_layers
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from reports.figures.pareto.figure import pareto_figure
from reports.figures.tradeoffs import COSTS
from reports.frames.merge import merge_runs
from reports.frames.published import COST_COLUMNS
from reports.frames.rows import quantity_of_column
from reports.frames.trials import preset_references, trial_frame
from reports.page.content import content_of
from reports.page.html import page_html
from reports.tables.comparison import SHARED
from reports.tables.table import column_of
from reports.tables.tasks import TASKS
from searches.cli.bounds import option_of
from searches.config.study import STUDY_TASKS, parse_config, read_config
from searches.study.judge import counted
from searches.study.run import run_study
from searches.tasks.table import TASKS as TASK_CLASSES
from tests.searches.studies import tiny

NAME = "convolutions"


def convolutions(spec: ArchSpec) -> float:
    """How many convolutions a network has."""
    return sum(isinstance(placed.layer, Conv) for placed in placed_layers(spec.plan))


@pytest.fixture(scope="module")
def entry() -> Iterator[Quantity]:
    """Somebody's quantity: one entry, and nothing else."""
    yield register(
        Quantity(
            name=NAME, unit="convolutions", direction="minimize", title="Number of convolutions", short="convolutions",
            source="counted", digits=0, count=convolutions,
        )
    )  # fmt: skip
    QUANTITIES._entries.pop(NAME, None)


@pytest.fixture(scope="module")
def run(entry: Quantity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study on digits with the new quantity as an objective, and two more that nobody asked for before."""
    folder = tmp_path_factory.mktemp("quantities") / "run"
    constraints = {NAME: {"max": 10_000}, "conv_macs": {"max": 1e9}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCHSPACE_CACHE", str(folder.parent / "cache"))
        config = tiny(objectives=["accuracy", NAME, "top5_accuracy"], constraints=constraints, trials=3)
        run_study(parse_config(config), folder)
    return folder


class TestEveryNameHasItsEntry:
    def test_names_units_and_directions_are_said_once(self) -> None:
        for name, one in QUANTITIES.items():
            assert one.name == name and one.title and one.short and one.direction in ("minimize", "maximize")
            assert (one.source == "counted") >= bool(one.count) and (one.source == "device") >= bool(one.read)
            assert set(one.main) <= set(one.tasks) >= set(one.by_task), name
        for suffix, unit in (
            ("_ms", "ms"),
            ("_w", "W"),
            ("_mj", "mJ"),
            ("_bytes", "bytes"),
            ("_percent", "%"),
        ):
            assert all(one.unit == unit for name, one in QUANTITIES.items() if name.endswith(suffix))

    def test_a_task_has_one_main_metric_which_is_the_one_it_evaluates(self) -> None:
        for task, kind in TASK_CLASSES.items():
            assert [one.name for one in QUANTITIES.values() if task in one.main] == [kind.metric]
            assert main_metric(task) is metrics_of(task)[0] is QUANTITIES[kind.metric]
        with pytest.raises(
            FieldError, match=r"task: 'segmentatoin': unknown task; nearest valid: segmentation"
        ):
            main_metric("segmentatoin")

    def test_what_a_study_may_name_can_be_counted_measured_or_evaluated(self) -> None:
        for task in STUDY_TASKS:
            known = goals(task)
            assert {
                "macs",
                "params",
                "memory",
                "latency_ms",
                "power_w",
                "energy_mj",
                main_metric(task).name,
            } < {*known}
            others = {main_metric(other).name for other in STUDY_TASKS} - {main_metric(task).name}
            assert not others & {*known}
        with pytest.raises(FieldError, match=r"objectives: 'convolutoins': unknown objective"):
            objective("convolutoins")

    def test_columns_figures_and_published_numbers_look_quantities_up(self) -> None:
        keys = {"size_mb": "size", "ppl_val": "perplexity", "ppl_test": "perplexity"}
        for table in TASKS.values():
            for one in table.quantities:
                if one.column.better is None:
                    continue  # a difference of two rows
                quantity = QUANTITIES[keys.get(one.column.key, one.column.key)]
                assert one.column.better == quantity.direction and one.column.digits == quantity.digits
        assert all(one.better in (None, QUANTITIES[one.key].direction) for one in SHARED)
        assert {*COMPARED, *COSTS} <= {*QUANTITIES}
        assert {quantity_of_column(column)[0].name for column in COST_COLUMNS} == {"params", "macs"}

    def test_presets_publish_quantities(self) -> None:
        published = {name for preset in PRESETS.values() for name in preset.published} - {"dataset"}
        assert published <= {*QUANTITIES}

    def test_metrics_of_a_file_tell_its_task(self) -> None:
        assert task_of_metrics({"miou": 1, "class_accuracy": 2, "images": 3}) == "segmentation"
        assert task_of_metrics({"map": 1, "map_50": 2}) == "detection"
        assert task_of_metrics({"map": 1}) is None and task_of_metrics({"images": 1}) is None

    def test_a_device_record_is_read_by_the_table(self) -> None:
        record = DeviceRecord(
            label="x", arch_id=None, device="d", runtime="r", batch=1, latency_ms=Latency.of([4.0, 5.0, 6.0]),
            power_w={"total": RailPower(idle=1.0, busy=3.0)}, energy_mj=15.0, peak_memory_bytes=1000,
        )  # fmt: skip
        assert {n: (m.value, m.unit) for n, m in record.measurements().items()} == {
            "latency_ms": (5.0, "ms"), "power_w": (3.0, "W"), "energy_mj": (15.0, "mJ"),
        }  # fmt: skip
        asked = record.measurements(["fps", "peak_memory_bytes"])
        assert (asked["fps"].value, asked["peak_memory_bytes"].unit) == (200.0, "bytes")


class TestOneMoreEntry:
    def test_it_is_an_objective_a_constraint_and_a_line_of_every_record(self, run: Path) -> None:
        study = read_run(run)
        assert [o.name for o in study.objectives] == ["accuracy", NAME, "top5_accuracy"]
        complete = [trial for trial in study.trials if trial.state == "complete"]
        assert len(complete) >= 3
        for trial in complete:
            spec = ArchSpec.from_dict(trial.spec or {})
            assert trial.values[NAME] == trial.measurements[NAME].value == convolutions(spec) > 0
            assert (
                trial.measurements[NAME].origin == "counted"
                and trial.measurements[NAME].unit == "convolutions"
            )
            assert {"macs", "params", "memory", "conv_macs", "top5_accuracy"} <= {*trial.measurements}
            assert trial.values["accuracy"] <= trial.values["top5_accuracy"] <= 100

    def test_what_nobody_asks_for_is_not_recorded(self, entry: Quantity) -> None:
        spec = ArchSpec("espnetv2", classes=10, width=0.5)
        assert set(counted(spec)) == {"macs", "params", "memory"}
        assert set(counted(spec, [NAME, "latency_ms"])) == {"macs", "params", "memory", NAME}

    def test_it_is_an_axis_a_panel_and_counted_for_presets(self, run: Path) -> None:
        study = read_run(run)
        chosen = study.objectives[:2]
        references = preset_references(study)
        assert (references[NAME] > 0).any()
        figure = pareto_figure(trial_frame(study, chosen), chosen, references)
        titles = [axis.title.text or "" for axis in figure.select_xaxes()]
        assert any(text.startswith("Number of convolutions (convolutions, counted") for text in titles)
        content = content_of(merge_runs([run]))
        assert NAME in [pair.cost.name for pair in content.pairs]
        page = page_html(content)
        assert "Number of convolutions" in page and re.search(r"[0-9]+ convolutions", page)

    @pytest.mark.slow
    def test_it_is_a_column_of_a_table_and_of_the_csv(self, entry: Quantity, run: Path) -> None:
        column = column_of(entry)
        assert (column.title, column.better, column.digits) == ("Convolutions", "minimize", 0)
        ran = CliRunner().invoke(
            make_app(), ["pareto", str(run), "--objectives", f"{NAME},accuracy", "--out", str(run / "out")]
        )
        assert ran.exit_code == 0, ran.output
        rows = list(csv.DictReader((run / "out" / "front.csv").open()))
        assert all(float(row[NAME]) > 0 and row[f"{NAME}_origin"] == "counted" for row in rows)
        assert f"{NAME} " in ran.output and "convolutions)" in ran.output

    @pytest.mark.slow
    def test_it_is_a_bound_of_export_and_a_line_of_the_card(self, run: Path, tmp_path: Path) -> None:
        study = read_run(run)
        complete = [trial for trial in study.trials if trial.state == "complete"]
        least = min(trial.values[NAME] for trial in complete)
        ran = CliRunner().invoke(
            make_app(),
            ["export", str(run), "--max-convolutions", f"{least:g}", "--out", str(tmp_path / "net")],
        )
        assert ran.exit_code == 0, ran.output
        card = json.loads((tmp_path / "net" / "card.json").read_text())
        numbers = {one["name"]: one for one in card["numbers"]}
        assert numbers[NAME]["value"] == least and numbers[NAME]["title"] == "Number of convolutions"
        assert len(numbers) == len(card["numbers"]), "no number stands twice"
        text = (tmp_path / "net" / "card.md").read_text()
        assert f"| Number of convolutions | {least:g} convolutions | counted" in text
        refused = CliRunner().invoke(make_app(), ["export", str(run), "--max-convolutions", "1"])
        assert isinstance(refused.exception, InputError) and f"smallest {NAME} is {least:g}" in str(
            refused.exception
        )

    def test_bounds_count_what_a_run_did_not_record_and_know_what_is_better_when_larger(
        self, run: Path
    ) -> None:
        study = read_run(run)
        size = QUANTITIES["size"]
        assert all(size.name not in trial.measurements for trial in study.trials)
        trained = [
            trial for trial in study.trials if trial.state == "complete" and trial.duplicate_of is None
        ]
        sizes = {t.label: size.value_of(ArchSpec.from_dict(t.spec or {})) for t in trained}
        assert sizes[pick_trial(study, "best", {"size": min(sizes.values())}).label] == min(sizes.values())
        best = max(t.values["accuracy"] for t in trained)
        assert pick_trial(study, "knee", {"accuracy": best}).values["accuracy"] == best
        with pytest.raises(InputError, match=r"accuracy >= 100.5; the largest accuracy is"):
            pick_trial(study, "knee", {"accuracy": 100.5})
        with pytest.raises(InputError, match=r"energy_mj <= 1; no trial has a number for energy_mj"):
            pick_trial(study, "knee", {"energy_mj": 1})

    def test_a_run_can_be_read_without_the_entry(self, entry: Quantity, run: Path) -> None:
        noted = {one["name"]: one for one in json.loads((run / QUANTITIES_FILE).read_text())}
        assert set(noted) == {"accuracy", NAME, "top5_accuracy", "conv_macs"}
        QUANTITIES._entries.pop(NAME)
        try:
            study = read_run(run)
            one = study.objectives[1]
            assert (one.title, one.unit, one.direction, one.counted) == (
                entry.title,
                entry.unit,
                "minimize",
                True,
            )
            assert "Number of convolutions" in page_html(content_of(merge_runs([run])))
            assert described(NAME).title == NAME and described(NAME, study.noted) == one
            with pytest.raises(FieldError, match="unknown objective"):
                read_config(str(run / "study.yaml"))
        finally:
            register(entry)

    def test_a_function_that_fails_is_one_line(self) -> None:
        broken = Quantity(
            name="broken", unit="", direction="minimize", title="Broken", short="broken", source="counted",
            count=lambda spec: 1 / 0,
        )  # fmt: skip
        with pytest.raises(
            InputError, match=r"broken: cannot be counted for .*: ZeroDivisionError: division by zero"
        ):
            broken.value_of(ArchSpec("espnetv2", classes=10))

    def test_a_metric_of_another_task_is_refused(self) -> None:
        with pytest.raises(FieldError, match="objectives: 'miou': the metric of classification is another"):
            parse_config(tiny(objectives=["miou", "macs"]))


def test_options_are_named_by_quantity_and_direction() -> None:
    assert option_of(QUANTITIES["latency_ms"]) == "--max-latency-ms"
    assert option_of(QUANTITIES["miou"]) == "--min-miou"
    output = CliRunner().invoke(make_app(), ["export", "--help"], env={"COLUMNS": "200"}).output
    assert all(option_of(one) in output for one in goals().values())
    refused = CliRunner().invoke(make_app(), ["export", "x", "--max-latencyms", "3"])
    assert refused.exit_code == 2 and "--max-latency-ms" in refused.output
