"""A table of trained networks: complete, the same however often it is stopped, and refused where it is another's."""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspace.support.errors import FieldError, InputError
from searches.bench.grid import table_grid
from searches.bench.scores import ScoreTable, score_networks, scores_path
from searches.bench.table import Table
from searches.bench.tabulate import opened, tabulate
from searches.bench.yardstick import Yardstick
from searches.config.study import parse_config
from searches.study.data import fingerprinted, open_data, task_on
from tests.commands import archspace, printed, refused
from tests.forked import archspace_begun
from tests.searches.studies import tiny
from tests.waiting import until

SPACE = {"network": "espnetv2", "width": {"choices": [0.25, 0.5]}, "fusion": {"choices": ["hff", "none"]}}


def study(**changes: Any) -> dict[str, Any]:
    return tiny(space=SPACE, training={"epochs": 2, "batch": 32, "flip": False}, **changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete table of four networks and two seeds."""
    path = tmp_path_factory.mktemp("table") / "tiny.json"
    tabulate(parse_config(study()), path, seeds=2)
    return path


@pytest.mark.slow
def test_a_table_has_every_network_seed_and_epoch(whole: Path) -> None:
    table = Table.load(whole)
    assert len(table.rows) == 4 and not table.missing
    assert table.metric == {"name": "accuracy", "unit": "%", "split": "val", "images": 60}
    for row in table.rows.values():
        assert [len(row.metric[seed]) for seed in (0, 1)] == [2, 2]
        assert all(0 <= value <= 100 for values in row.metric.values() for value in values)
        assert table.training_macs(row) == 3 * row.counted["macs"] * 2 * 64
    assert sum(one["trainings"] for one in table.made) == 8
    assert str(whole.parent) not in whole.read_text()


@pytest.mark.slow
def test_a_stopped_table_goes_on_and_comes_to_the_same(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.json"
    (tmp_path / "study.yaml").write_text(json.dumps(study()))
    words = ["tabulate", str(tmp_path / "study.yaml"), "--out", str(path), "--seeds", "2"]
    with archspace_begun(*words) as process:
        until(lambda: path.exists() and len(Table.load(path).missing) < 7, "the first trainings")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert Table.load(path).missing
    ran = archspace(*words, "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["missing"] == 0
    one, other = Table.load(whole), Table.load(path)
    assert {key: row.metric for key, row in one.rows.items()} == {k: r.metric for k, r in other.rows.items()}


@pytest.mark.slow
def test_latencies_are_of_the_deployed_form_and_taken_once(
    whole: Path, tmp_path: Path, cache_folder: Path
) -> None:
    path, table = tmp_path / "measured.json", Table.load(whole)
    last, known = list(table.rows)[-1], {"value": 1.0}  # of the others
    table = replace(
        table, rows={k: row if k == last else replace(row, latency=known) for k, row in table.rows.items()}
    )
    table.save(path)
    (tmp_path / "study.yaml").write_text(
        json.dumps({**study(), "measure": {"runs": 5, "warmup": 1, "attempts": 1}})
    )
    words = ["tabulate", str(tmp_path / "study.yaml"), "--out", str(path), "--latency", "--json"]
    said = printed(archspace(*words).stdout)
    assert (said["measured"], said["missing"]) == (4, 0)
    rows = dict(Table.load(path).rows)
    taken = rows[last].latency
    assert taken is not None and taken["value"] > 0 and taken["unit"] == "ms"
    assert taken["how"]["runtime"].startswith("onnxruntime")
    assert rows == {**table.rows, last: replace(table.rows[last], latency=taken)}
    before = path.read_bytes()
    assert archspace(*words).returncode == 0 and path.read_bytes() == before


@pytest.mark.slow
def test_another_study_or_other_data_are_refused(whole: Path, tmp_path: Path) -> None:
    before = whole.read_bytes()
    with pytest.raises(InputError, match=r"another study \(training\.lr: .* -> 0\.5\)"):
        changed = study()
        changed["training"] = {**changed["training"], "lr": 0.5}
        tabulate(parse_config(changed), whole, seeds=2)
    assert whole.read_bytes() == before


@pytest.mark.slow
def test_a_table_from_before_a_field_came_goes_on(whole: Path, tmp_path: Path) -> None:
    path, fields = tmp_path / "older.json", json.loads(whole.read_text())
    del fields["study"]["training"]["warmup_from"]
    path.write_text(json.dumps(fields))
    assert not tabulate(parse_config(study()), path, seeds=2).missing
    fields["study"]["training"]["lr"] = 0.5
    path.write_text(json.dumps(fields))
    with pytest.raises(InputError, match=r"another study \(training\.lr: 0\.5 -> "):
        tabulate(parse_config(study()), path, seeds=2)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ('{"format": 7}', "format: 7"), ('{"format": 1, "networks": [{}]}', "is damaged")],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        Table.load(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such table"):
        Table.load(tmp_path / "none.json")


def small_table() -> Table:
    """A made-up table of four networks with two seeds, as it would be trained."""
    config = parse_config(study())
    sources = open_data(config)
    table, _ = opened(config, Path("none.json"), task_on(config, sources), fingerprinted(config, sources), 2)
    for place, row in enumerate(table.rows.values()):
        for seed in (0, 1):
            row = row.with_training(seed, [20.0, 40.0 + 7 * place + seed], 1.5)
        table = table.with_row(row)
    return table


def damaged(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A table of which something was changed in its file."""
    small_table().save(path)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


def of_first(part: str, **values: object) -> Callable[[dict[str, Any]], object]:
    """Changes a part of the first row."""
    return lambda data: data["networks"][0][part].update(
        {key.lstrip("_"): one for key, one in values.items()}
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            of_first("metric", _1=[50.0]),
            r"networks\[0\] \w+: metric\.1: '1 epoch': .*; nearest valid: 2 epochs",
        ),
        (
            of_first("metric", _1=[50.0, "x"]),
            r"metric\.1 after epoch 2: 'x': a number, or null where .* diverged",
        ),
        (of_first("metric", _1=[50.0, True]), r"metric\.1 after epoch 2: True"),
        (
            of_first("metric", _1=[50.0, 101.0]),
            r"metric\.1 after epoch 2: 101\.0: per cent.*; nearest valid: 100",
        ),
        (
            of_first("metric", _7=[50.0, 60.0]),
            r"metric: '7': a seed that the table has not; nearest valid: 0, 1",
        ),
        (of_first("seconds", _1=-1), r"seconds\.1: -1: a number from 0 on"),
        (of_first("counted", macs=0), r"counted\.macs: 0: a whole number from 1 on"),
        (
            lambda data: data["networks"][0]["seconds"].pop("1"),
            r"seconds: \['0'\]: .*nearest valid: \['0', '1'\]",
        ),
        (
            lambda data: data["networks"].append(data["networks"][0]),
            r"networks\[4\]: arch_id: .* another network",
        ),
        (
            lambda data: data["networks"][0].update(latency={"value": 0}),
            r"latency\.value: 0: a number above 0",
        ),
        (lambda data: data.update(seeds=[1.5]), r"seeds: \[1\.5\]: a seed is from 0 to 4294967295.*valid: 1"),
        (lambda data: data.update(seeds=[0, 1, 1]), r"seeds: .*different seeds.*nearest valid: \[0, 1\]"),
        (lambda data: data.update(epochs=0), r"epochs: 0: a whole number from 1 on; nearest valid: 1"),
        (lambda data: data["study"].update(space=7), r"study\.space: 7: a mapping"),
    ],
)
def test_a_number_that_no_table_has_is_said_with_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = damaged(tmp_path / "table.json", change)
    with pytest.raises(FieldError, match=re.escape(f"{path}: ") + f".*{said}") as caught:
        Table.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_first("counted", macs=7), r"counted\.macs: 7: the network has another number .*nearest valid: \d{4,}"),
        (of_first("params", width=3.0), r"params: .*no such network"),
        (lambda data: data["networks"][0].update(arch_id="0" * 12), r"arch_id: '0{12}': .*nearest valid: \w{12}"),
    ],
)  # fmt: skip
def test_rows_that_are_not_of_the_networks_are_refused_and_not_trained_anew(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = damaged(tmp_path / "table.json", change)
    before, table = path.read_bytes(), Table.load(path)
    with pytest.raises(FieldError, match=re.escape(f"{path}: network ") + f".*{said}"):
        table_grid(table)
    with pytest.raises(FieldError, match=said):
        tabulate(parse_config(study()), path, seeds=2)
    assert path.read_bytes() == before


def test_a_table_with_a_training_that_diverged_is_read_and_is_no_yardstick(tmp_path: Path) -> None:
    path, table = tmp_path / "table.json", small_table()
    table_grid(table)
    first = next(iter(table.rows.values()))
    lost = first.with_training(1, [20.0, math.nan], 1.5)
    table.with_row(lost).save(path)
    assert "NaN" not in path.read_text()
    read = Table.load(path)
    assert not read.missing and read.rows[first.arch_id].diverged == (1, 2) and first.diverged is None
    Yardstick.of(table, table_grid(table))
    with pytest.raises(
        InputError, match=f"{first.arch_id}: seed 1 diverged: there is no metric after epoch 2"
    ):
        Yardstick.of(read, table_grid(read))


@pytest.mark.slow
def test_a_training_that_diverges_is_one_of_the_table(tmp_path: Path) -> None:
    path, fields = tmp_path / "table.json", study()
    fields["training"] = {**fields["training"], "optimizer": "sgd", "lr": 1e30}
    table = tabulate(parse_config(fields), path, seeds=1)
    assert not table.missing and not Table.load(path).missing
    assert all(row.diverged is not None for row in Table.load(path).rows.values())


@pytest.mark.parametrize("seeds", [0, 2**32 + 1])
def test_a_network_is_trained_a_sensible_number_of_times(tmp_path: Path, seeds: int) -> None:
    with pytest.raises(FieldError, match=r"--seeds: .*at least 1 and at most 1000; nearest valid: 1"):
        tabulate(parse_config(study()), tmp_path / "table.json", seeds=seeds)


@pytest.mark.slow
def test_scores_of_a_table_are_complete_and_the_same_however_often_they_are_stopped(
    whole: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.json"
    path.write_text(whole.read_text())
    (tmp_path / "study.yaml").write_text(json.dumps(study()))
    words = ("tabulate", "study.yaml", "--out", "tiny.json", "--scores", "--json")
    said = printed(archspace(*words, "--minutes", "0", cwd=tmp_path).stdout)
    assert said["networks"] + said["missing"] == 4
    said = printed(archspace(*words, cwd=tmp_path).stdout)
    assert said["networks"] == 4 and said["missing"] == 0 and said["cpu_seconds"] > 0
    one, other = ScoreTable.load(scores_path(path)), score_networks(parse_config(study()), path)
    assert one.rows == other.rows and set(one.rows) == set(Table.load(path).rows)
    values = one.array(list(one.rows))
    assert values.shape == (4, 7) and np.isfinite(values).all()
    with pytest.raises(InputError, match="1 networks have no scores"):
        one.array([*one.rows, "other"])
    refused(
        archspace("tabulate", "study.yaml", "--out", "tiny.json", "--scores", "--latency", cwd=tmp_path),
        "--scores: 'with --latency'",
    )  # fmt: skip
