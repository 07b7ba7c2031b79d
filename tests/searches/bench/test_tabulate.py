"""A table of trained networks: complete, the same however often it is stopped, and refused where it is another's."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspace.support.errors import InputError
from searches.bench.scores import ScoreTable, score_networks, scores_path
from searches.bench.table import Table
from searches.bench.tabulate import tabulate
from searches.config.study import parse_config
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
