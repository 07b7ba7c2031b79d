"""The tables of every task: published rows, counts, and what runs and files hold; what does not fit is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.devices.record import TOTAL, DeviceRecord, Latency, RailPower
from analysis.store.records import Measurement
from archspace.presets import preset
from archspace.support.errors import InputError
from reports.frames.published import TABLES, published
from reports.tables.build import build_tables
from reports.tables.layout import lay_out
from reports.tables.markdown import markdown
from reports.tables.paper import paper_tables
from reports.tables.table import Row, Table, best, dominated
from reports.tables.tasks import TASKS
from reports.tables.values import csv_text
from tests.reports.runs import study_of, trial, write_run


def row_of(table: Table, *labels: str) -> Row:
    matches = [row for row in table.rows if set(labels) <= set(row.labels)]
    assert len(matches) == 1, [row.labels for row in matches]
    return matches[0]


def value(table: Table, row: Row, key: str) -> float | None:
    return row.cells[[column.key for column in table.columns].index(key)].value


def write_json(path: Path, data: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


class TestPublished:
    @pytest.mark.parametrize("task", TASKS)
    def test_every_task_has_tables_and_every_number_an_origin(self, task: str) -> None:
        tables = build_tables(task)
        assert tables
        for table in tables:
            layout = lay_out(table)
            assert table.rows and layout.footnotes and layout.legend[0].startswith("Origin of each number")
            for line in layout.lines:
                assert line.notes, "a row without a source"
                for cell, head in zip(line.cells, layout.heads, strict=True):
                    assert cell.value is None or cell.mark or head.mark
            assert any(best(table)) or len(table.rows) < 4 or task == "ablations"

    def test_segmentation_has_a_table_for_each_data_set(self) -> None:
        names = {table.name for table in build_tables("segmentation")}
        ends = ("cityscapes", "pascal-voc-2012", "mapillary", "breast-biopsy-wsi", "camvid")
        assert names == {f"segmentation-{end}" for end in ends}

    def test_detection_keeps_voc_and_coco_metrics_apart(self) -> None:
        coco, voc = build_tables("detection")
        assert {"map", "map_50", "map_75"} <= {c.key for c in coco.columns}
        assert {c.key for c in voc.columns} == {"params", "macs", "map_voc07"}
        assert len(voc.rows) == 2, "rows of single classes stay out"

    def test_tx2_speed_and_power_by_clock(self) -> None:
        (table,) = build_tables("edge-device", dataset="tx2")
        clock = table.labels.index("GPU clock (MHz)")
        power = {
            row.labels[clock]: value(table, row, "power_w") for row in table.rows if row.labels[0] == "ESPNet"
        }
        assert power["824"] == 1.0
        speeds = {value(table, row, "fps") for row in table.rows if row.labels[0] == "ESPNet"}
        assert {6.1, 8.0, 9.1} <= speeds

    def test_a_published_cost_is_checked_against_our_count(self) -> None:
        (table,) = build_tables("classification")
        cells = [row.cells[1] for row in table.rows if row.cells[1].counted is not None]
        agreeing = [cell for cell in cells if cell.agrees]
        contradicted = [cell for cell in cells if not cell.agrees]
        assert len(agreeing) > 50 and contradicted
        for cell in contradicted:
            assert cell.notes[0].startswith("Our count is ") and "no reason is on record" not in cell.notes[0]

    def test_a_cost_that_is_not_published_is_counted(self) -> None:
        (table,) = build_tables("segmentation", dataset="camvid")
        row = row_of(table, "ESPNet", "360x480")
        cell = row.cells[0]
        assert cell.origin == "counted" and cell.value == 354517.0
        assert table.pareto == ("params", "miou"), "parameters are known of more rows than MACs"
        assert [table.rows[i].labels[0] for i, grey in enumerate(dominated(table)) if not grey] == [
            "ESPNet", "BiSeNet", "ESPNet", "CFPNet",
        ], "of each size by itself"  # fmt: skip

    def test_the_papers_report_has_every_table_and_every_contradiction(self) -> None:
        tables = paper_tables()
        assert len({table.name for table in tables}) == len(tables)
        listed = published("contradictions")
        assert len(tables[-1].rows) == len(listed) and set(TABLES) == {task.source for task in TASKS.values()}
        assert {row.notes[0] for row in tables[-1].rows} == set(listed["reason"])
        assert {row.cells[0].origin for row in tables[-1].rows} == {"published", "read-off-figure"}
        assert "were compared" in tables[-1].notes[0]


def camvid_run(folder: Path, *trials: Any, layout: str = "segnet", **config: Any) -> Path:
    data = {"layout": layout, "root": "elsewhere/CamVid", "input_size": [360, 480]}
    return write_run(folder, study_of(*trials, **{"data": data, "name": folder.name, **config}))


class TestRuns:
    def test_trials_of_a_search_stand_next_to_published_rows_and_are_marked(self, tmp_path: Path) -> None:
        run = camvid_run(
            tmp_path / "mine",
            trial("0", 0, {"macs": 1.0e9, "miou": 70.0, "params": 3e5}, macs_origin="counted", params_origin="counted"),
            trial("1", 1, {"macs": 2.0e9, "miou": 60.0}),
            trial("2", 2, {"macs": 2.0e9, "miou": 60.0}, duplicate_of="1"),
            trial("3", 3, {}, state="failed", reason="x"),
        )  # fmt: skip
        (table,) = build_tables("segmentation", dataset="camvid", extra=[run])
        row = row_of(table, "ESPNetv2 ESP (mine:0)")
        miou = [column.key for column in table.columns].index("miou")
        assert row.cells[miou].origin == "measured" and row.cells[miou].value == 70.0
        assert row.cells[0].origin == "counted" and "run mine" in row.notes[0]
        assert len(table.rows) == 12, "the duplicate and the failure stay out"
        index = table.rows.index(row)
        assert index in best(table)[miou] and not dominated(table)[index]
        other = table.rows.index(row_of(table, "ESPNetv2 ESP (mine:1)"))
        assert other not in best(table)[miou], "of the same split and size"

    def test_data_that_no_paper_has_get_a_table_of_their_own(self, tmp_path: Path) -> None:
        run = camvid_run(
            tmp_path / "r", trial("0", 0, {"macs": 1e9, "miou": 70.0}), data={"layout": "scenes"}
        )
        tables = build_tables("segmentation", extra=[run])
        assert tables[-1].title.endswith(": scenes") and len(tables[-1].rows) == 1
        with pytest.raises(InputError, match=r"--dataset: 'camvid': .* is for scenes"):
            build_tables("segmentation", dataset="camvid", extra=[run])

    def test_a_layout_is_a_format_and_not_a_data_set(self, tmp_path: Path) -> None:
        data = {"layout": "segnet", "root": "data/other"}
        run = camvid_run(tmp_path / "r", trial("0", 0, {"macs": 1e9, "miou": 70.0}), data=data)
        assert build_tables("segmentation", extra=[run])[-1].title.endswith(": other")
        (said,) = build_tables("segmentation", dataset="camvid", extra=[run])
        assert said.rows[-1].labels[0].endswith("(r:0)")

    def test_two_runs_with_other_objectives_leave_blanks(self, tmp_path: Path) -> None:
        one = camvid_run(tmp_path / "one", trial("0", 0, {"macs": 1e9, "miou": 70.0}))
        two = camvid_run(
            tmp_path / "two", trial("0", 0, {"params": 2e5, "latency_ms": 3.0}), objectives=("params", "latency_ms")
        )  # fmt: skip
        (table,) = build_tables("segmentation", dataset="camvid", extra=[one, two])
        first, second = (
            next(r for r in table.rows if f"({name}:0)" in r.labels[0]) for name in ("one", "two")
        )
        assert value(table, first, "latency_ms") is None and value(table, second, "miou") is None
        assert value(table, second, "latency_ms") == 3.0

    def test_another_task_is_refused(self, tmp_path: Path) -> None:
        run = camvid_run(tmp_path / "r", trial("0", 0, {"macs": 1e9, "miou": 70.0}))
        with pytest.raises(InputError, match="belongs to segmentation, not to the tables of classification"):
            build_tables("classification", extra=[run])

    def test_only_failed_trials_are_refused(self, tmp_path: Path) -> None:
        run = camvid_run(tmp_path / "r", trial("0", 0, {}, state="failed", reason="x"))
        with pytest.raises(InputError, match="no complete trial, so there is nothing to tabulate"):
            build_tables("segmentation", extra=[run])

    def test_nan_is_shown_and_never_best(self, tmp_path: Path) -> None:
        run = camvid_run(tmp_path / "r", trial("0", 0, {"macs": 1e9, "miou": math.nan}))
        (table,) = build_tables("segmentation", dataset="camvid", extra=[run])
        line = lay_out(table).lines[-1]
        miou = [column.key for column in table.columns].index("miou")
        assert line.cells[miou].text == "n/a" and not line.cells[miou].best and not line.dominated

    def test_missing_folder_and_foreign_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file or folder"):
            build_tables("segmentation", extra=[tmp_path / "none"])
        with pytest.raises(InputError, match=r"neither study\.yaml nor metrics\.json"):
            build_tables("segmentation", extra=[tmp_path])


class TestFiles:
    def test_a_training_run_with_counts_of_its_spec(self, tmp_path: Path) -> None:
        spec = preset("espnet-camvid").spec
        metrics = {
            "run": "x", "network": "espnet", "arch_id": spec.arch_id, "images": 100, "split": "val",
            "origin": "measured", "miou": 51.5, "class_accuracy": None, "class_iou": {"sky": 90.0},
        }  # fmt: skip
        write_json(tmp_path / "t" / "metrics.json", metrics)
        config = {"format": 1, "spec": spec.to_dict(), "data": {"layout": "segnet", "root": "/d/camvid"}}
        (tmp_path / "t" / "train.yaml").write_text(
            yaml.safe_dump(json.loads(json.dumps(config))), encoding="utf-8"
        )
        (table,) = build_tables("segmentation", dataset="camvid", extra=[tmp_path / "t"])
        row = table.rows[-1]
        assert value(table, row, "miou") == 51.5 and value(table, row, "params") == 354517.0
        assert math.isnan(value(table, row, "class_accuracy") or 0.0) and "t, 100 images" in row.notes[0]

    def test_what_evaluate_printed(self, tmp_path: Path) -> None:
        file = write_json(
            tmp_path / "e.json",
            {"checkpoint": "c", "network": "espnetv2", "task": "classification", "layout": "imagefolder",
             "split": "val", "images": 5, "input_size": [224, 224], "accuracy": 71.0, "top5_accuracy": 90.0},
        )  # fmt: skip
        (table,) = build_tables("classification", dataset="imagenet", extra=[file])
        row = row_of(table, "espnetv2", "224x224")
        assert value(table, row, "top5_accuracy") == 90.0 and row.cells[-1].origin == "measured"

    def test_a_training_run_whose_layout_was_seen_from_the_folder(self, tmp_path: Path) -> None:
        write_json(tmp_path / "t" / "metrics.json", {"network": "n", "split": "val", "accuracy": 63.9})
        (tmp_path / "t" / "train.yaml").write_text(
            "data: {layout: null, root: /data/cifar10}\n", encoding="utf-8"
        )
        assert (
            build_tables("classification", extra=[tmp_path / "t"])[-1].title
            == "Image classification: cifar10"
        )

    def test_an_origin_that_is_none_is_marked_as_unknown(self, tmp_path: Path) -> None:
        data = {"network": "n", "task": "segmentation", "layout": "x", "miou": 5.0, "origin": "guess"}
        table = build_tables("segmentation", extra=[write_json(tmp_path / "m.json", data)])[-1]
        assert table.rows[0].cells[0].origin == "unknown"

    def test_perplexity_goes_to_its_split(self, tmp_path: Path) -> None:
        data = {"network": "eru", "task": "language", "layout": "tokens", "split": "test", "perplexity": 99.0}
        table = build_tables("language", extra=[write_json(tmp_path / "p.json", data)])[-1]
        assert [column.key for column in table.columns] == ["ppl_test"] and table.rows[0].cells[
            0
        ].value == 99.0

    def device(self, **fields: Any) -> DeviceRecord:
        base: dict[str, Any] = {
            "label": "espnet", "arch_id": "a", "device": "ssh:board", "runtime": "onnxruntime 1.2", "batch": 2,
            "latency_ms": Latency.of([10.0, 20.0, 30.0]), "power_w": {TOTAL: RailPower(idle=1.0, busy=4.0)},
            "energy_mj": 40.0, "peak_memory_bytes": 5_000_000, "flags": ("clock moved",),
            "how": {"model": "NVIDIA Jetson TX2", "input_size": [512, 1024], "precision": "float32"},
        }  # fmt: skip
        return DeviceRecord(**(base | fields))

    def test_a_devices_record_joins_the_papers_rows_of_that_device(self, tmp_path: Path) -> None:
        file = write_json(tmp_path / "d.json", self.device().to_dict())
        (table,) = build_tables("edge-device", dataset="tx2", extra=[file])
        row = table.rows[-1]
        assert [value(table, row, key) for key in ("latency_ms", "fps", "power_w", "energy_mj")] == [
            20,
            100,
            4,
            40,
        ]
        assert value(table, row, "peak_memory_bytes") == 5e6
        doubtful = {c.key for c, cell in zip(table.columns, row.cells, strict=True) if cell.unstable}
        assert doubtful == {"latency_ms", "fps", "power_w", "energy_mj"}, "no clock moves a size"
        text = markdown([table])
        assert (
            "~20.00" in text and "unstable: clock moved" in text and "~: the measurement is unstable" in text
        )
        assert "latency_ms_unstable" in csv_text(table)
        assert "512x1024" in row.labels and "2" in row.labels and "float32" in row.labels

    def test_a_file_of_several_records_is_several_rows(self, tmp_path: Path) -> None:
        both = {"records": [self.device().to_dict(), self.device(label="other").to_dict()]}
        (table,) = build_tables("edge-device", dataset="tx2", extra=[write_json(tmp_path / "d.json", both)])
        assert [row.labels[0] for row in table.rows[-2:]] == ["espnet", "other"]

    def test_a_predicted_record_stays_marked(self, tmp_path: Path) -> None:
        record = self.device(
            origin="predicted", device="board", how={}, power_w=None, missing={"power_w": "no sensor"}
        )
        table = build_tables("edge-device", extra=[write_json(tmp_path / "d.json", record.to_dict())])[-1]
        assert table.title == "Speed and power: board"
        assert {cell.origin for cell in table.rows[0].cells if cell.value is not None} == {"predicted"}
        assert "power_w: no sensor" in table.rows[0].notes

    def test_a_study_measured_on_a_device_gives_rows_of_that_device(self, tmp_path: Path) -> None:
        record = self.device(how={"model": "Board 7"})
        how = {"record": record.to_dict()}
        measured = {"latency_ms": Measurement("latency_ms", 20.0, "ms", "measured", how)}
        run = camvid_run(tmp_path / "r", trial("0", 0, {"miou": 5.0, "macs": 1.0}, measurements=measured))
        table = build_tables("edge-device", extra=[run])[-1]
        task = build_tables("segmentation", dataset="camvid", extra=[run])[0]
        assert "latency on ssh:board" in task.rows[-1].notes[0]
        assert table.title == "Speed and power: Board 7" and table.rows[0].labels[0] == "ESPNetv2 ESP (r:0)"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ([1], "not a JSON object"),
            ({"a": 1}, "neither metrics of 'train' or 'evaluate --json', nor a record of a device"),
            ({"device": "x", "latency_ms": {"median": 1}}, "broken record of a device: KeyError"),
            ({"device": "x", "format": 9, "latency_ms": {}}, "written by a newer archspace"),
        ],
    )
    def test_broken_json(self, tmp_path: Path, data: object, message: str) -> None:
        file = write_json(tmp_path / "x.json", data)
        with pytest.raises(InputError) as error:
            build_tables("edge-device", extra=[file])
        assert message in str(error.value) and str(error.value).startswith(str(file))

    def test_further_published_rows(self, tmp_path: Path) -> None:
        file = tmp_path / "more.csv"
        file.write_text(
            "dataset,network,miou_pct,origin,source\nCamVid,Newer,71.2,quoted-text,a paper\n",
            encoding="utf-8",
        )
        (table,) = build_tables("segmentation", dataset="camvid", extra=[file])
        row = row_of(table, "Newer")
        assert value(table, row, "miou") == 71.2 and row.notes == ("a paper",)
        file.write_text("dataset,network,mious_pct,origin,source\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"line 1: 'mious_pct': unknown column; miou_pct"):
            build_tables("segmentation", extra=[file])
        file.write_text("dataset,network,miou_pct,origin,source\nCamVid,Newer,71.2\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"more\.csv: line 2: too few cells"):
            build_tables("segmentation", extra=[file])


def test_tables_of_names_alike_have_files_of_their_own(tmp_path: Path) -> None:
    runs = [
        camvid_run(
            tmp_path / str(i),
            trial("0", 0, {"macs": 1e9, "miou": 70.0}),
            data={"layout": "masks", "name": name},
        )
        for i, name in enumerate(("my data", "my-data", "CAMVID"))
    ]
    names = [table.name for table in build_tables("segmentation", extra=runs)]
    assert names[-2:] == ["segmentation-my-data", "segmentation-my-data--2"]
    assert names.count("segmentation-camvid") == 1, (
        "data of the name of a published data set are that data set"
    )


def test_unknown_task_and_data_set() -> None:
    with pytest.raises(InputError, match="TASK: 'segmentatoin': no such tables; nearest valid: segmentation"):
        build_tables("segmentatoin")
    with pytest.raises(
        InputError, match="--dataset: 'camvit': no table of segmentation has it; nearest valid: CamVid"
    ):
        build_tables("segmentation", dataset="camvit")
