"""Retrained networks: their records, what the search said of them, and how well both orders agree."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.store.records import Measurement, StudyRecord
from analysis.store.retrained import (
    RETRAINED_FILE,
    RetrainedRecord,
    Setting,
    agreements,
    read_retrained,
    retrained_networks,
    write_retrained,
)
from analysis.store.runs import read_run
from archspace.support.errors import InputError
from reports.frames.retrained import with_retrained
from reports.frames.runs import front, trials
from reports.tables.retrained import retrained_table
from reports.tables.write import render
from tests.commands import archspace, printed
from tests.reports.runs import study_of, trial, write_run

SETTING = Setting(
    recipe="the study's own", epochs=80, start="scratch", trained_on=("train",), images=400, split="test",
    judged_images=100,
)  # fmt: skip


def retrained(label: str, value: float, seed: int = 0, setting: Setting = SETTING) -> RetrainedRecord:
    return RetrainedRecord(
        trial=label, seed=seed, picked="front", folder=f"{label}-seed{seed}", network=f"network {label}",
        arch_id=f"id{label}", metric="miou", setting=setting,
        measurements={"miou": Measurement("miou", value, "%", "measured", {"split": setting.split})},
    )  # fmt: skip


def four() -> StudyRecord:
    """Trials whose mIoU rises with their number, and with it their MACs."""
    return study_of(
        *(trial(str(n), n, {"macs": 1e6 * (n + 1), "miou": 50.0 + n}) for n in range(4)),
        objectives=("macs", "miou"),
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", four())


def keep(run: Path, *records: RetrainedRecord) -> None:
    for one in records:
        write_retrained(run / "retrained" / one.folder, one)


def test_a_record_is_read_as_it_was_written(run: Path) -> None:
    one = replace(
        retrained("2", 61.5), notes=("not exported: a detector",), test_evaluations=2, how={"threads": 1}
    )
    keep(run, retrained("10", 60.0), one, retrained("2", 60.5, seed=1))
    assert [(r.trial, r.seed) for r in read_retrained(run)] == [("2", 0), ("2", 1), ("10", 0)]
    assert read_retrained(run)[0] == one


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not JSON"), ('{"format": 9}', "newer archspace"), ('{"format": 1}', "broken record")],
)
def test_a_record_that_cannot_be_read_is_one_line(run: Path, text: str, says: str) -> None:
    keep(run, retrained("2", 61.5))
    (run / "retrained" / "2-seed0" / RETRAINED_FILE).write_text(text)
    with pytest.raises(InputError, match=says):
        read_retrained(run)


def test_seeds_of_a_network_are_one_line_with_mean_and_deviation() -> None:
    networks = retrained_networks(
        four(), [retrained("1", 60.0), retrained("1", 63.0, seed=1), retrained("3", 62.0)]
    )
    assert [(one.trial.label, one.searched, one.mean) for one in networks] == [
        ("3", 53.0, 62.0),
        ("1", 51.0, 61.5),
    ]
    assert networks[0].deviation is None
    assert networks[1].deviation == pytest.approx(math.sqrt(4.5))


def test_orders_are_compared_from_three_networks_on_and_within_one_setting() -> None:
    same = [retrained("0", 60.0), retrained("1", 61.0), retrained("2", 62.0)]
    other = [retrained("3", 10.0, setting=replace(SETTING, split="val")), *same]
    full, alone = agreements(retrained_networks(four(), other))
    assert full.n == 3 and full.correlation is not None and full.correlation.kendall == pytest.approx(1)
    assert "Kendall's tau 1.00, Spearman's rho 1.00 (n = 3)" in full.words
    assert alone.correlation is None and "of 1 network:" in alone.words
    swapped = [retrained("0", 62.0), retrained("1", 61.0), retrained("2", 60.0)]
    (reverse,) = agreements(retrained_networks(four(), swapped))
    assert reverse.correlation is not None and reverse.correlation.spearman == pytest.approx(-1)
    (two,) = agreements(retrained_networks(four(), same[:2]))
    assert two.correlation is None and "of 2 networks" in two.words
    (flat,) = agreements(retrained_networks(four(), [retrained(label, 60.0) for label in "012"]))
    assert flat.correlation is None and "same value for all 3" in flat.words


def test_frames_have_columns_of_it_only_where_something_was_retrained(run: Path) -> None:
    assert not [name for name in trials(run).columns if name.startswith("retrained")]
    keep(run, retrained("1", 60.0), retrained("1", 63.0, seed=1))
    row = front(run).set_index("label").loc["1"]
    assert (row["retrained_miou"], row["retrained_seeds"], row["retrained_split"]) == (61.5, 2, "test")
    assert trials(run).set_index("label")["retrained"].notna().tolist() == [False, True, False, False]
    assert with_retrained(trials(run), ()).equals(trials(run))


@pytest.mark.parametrize("kind", ["md", "csv", "tex"])
def test_the_table_has_both_values_in_every_format(kind: str) -> None:
    networks = retrained_networks(four(), [retrained(label, 60.0 + n) for n, label in enumerate("012")])
    text = render([retrained_table(networks, title="Both")], kind, title="Both")
    for value in ("52", "62", "51", "61"):
        assert value in text
    assert kind == "csv" or "Kendall" in text


@pytest.mark.slow
def test_pareto_report_and_page_show_it(run: Path) -> None:
    keep(run, *(retrained(label, 70.0 - n) for n, label in enumerate("012")))
    shown = archspace("pareto", run)
    assert shown.returncode == 0 and "retrained" in shown.stdout
    assert (
        "retrained: mIoU 70.00 % on test (80 epochs, 1 seed)" in (run / "report" / "pareto.html").read_text()
    )
    result = printed(archspace("report", run, "--json").stdout)
    assert [one["mean"] for one in result["retrained"]] == [70.0, 69.0, 68.0]
    assert "Kendall's tau -1.00" in result["agreements"][0]
    page = (run / "report" / "report.html").read_text()
    assert "Kendall&#x27;s tau -1.00" in page and "70.00 %" in page
    assert {"retrained.md", "retrained.csv", "retrained.tex"} <= set(result["files"])


def test_a_page_without_it_says_how(run: Path) -> None:
    assert archspace("report", run).returncode == 0
    page = (run / "report" / "report.html").read_text()
    assert f"archspace retrain {run} --pick" in page
    assert not (run / "report" / "retrained.md").exists()


def test_tables_of_a_task_take_it_in(run: Path) -> None:
    how = {"miou": 61.5, "miou_at_input": 60.0, "images": 100}
    one = replace(
        retrained("2", 61.5), measurements={"miou": Measurement("miou", 61.5, "%", "measured", how)}
    )
    keep(run, one)
    for what in (run, run / "retrained" / one.folder):
        ran = archspace("tables", "segmentation", "--with", what, "--format", "csv")
        assert ran.returncode == 0, ran.stderr
        lines = [line for line in ran.stdout.splitlines() if "retrained)" in line]
        assert len(lines) == 1 and "test" in lines[0] and "61.5" in lines[0]


def test_the_record_is_plain_data() -> None:
    assert json.loads(json.dumps(retrained("1", 60.0).to_dict()))["setting"]["epochs"] == 80


def test_read_run_still_reads_a_run_with_retrained_networks(run: Path) -> None:
    keep(run, retrained("1", 60.0))
    assert len(read_run(run).trials) == 4
