"""The papers' tables: every published cost of a network that archspace has is met, or listed with the reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from archspace.presets import PRESETS
from archspace.support.errors import InputError
from reports.frames.published import (
    COST_COLUMNS,
    TABLES,
    comparisons,
    contradictions,
    prints_as,
    published,
    spec_of,
)
from reports.frames.rows import read_rows


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_source_and_says_how_it_was_read(table: str) -> None:
    frame = published(table)
    assert len(frame) >= {"multilabel": 2, "modules": 6, "language": 8, "ablations": 24}.get(table, 40)
    assert (frame["source"] != "").all()
    assert set(frame["origin"]) <= {"quoted-text", "read-off-figure", "from-memory"}
    assert set(frame["preset"]) - {""} <= set(PRESETS)
    for _, row in frame.iterrows():
        spec_of(row)
        assert all(float(row[column]) > 0 for column in COST_COLUMNS if row.get(column))


def test_published_costs_are_met_or_listed_with_the_reason() -> None:
    """To the last printed digit; the list has no entry that is not needed."""
    listed = {
        (r["table"], r["preset"], r["input_size"], r["dataset"], r["column"], r["published"]): r
        for _, r in published("contradictions").iterrows()
    }
    contradicted = {one.key: one for one in contradictions()}
    assert set(contradicted) == set(listed)
    for key, one in contradicted.items():
        assert float(listed[key]["counted"]) == pytest.approx(one.counted, rel=1e-4)
        assert len(listed[key]["reason"]) > 30
    compared = sum(1 for table in TABLES for _ in comparisons(table))
    assert compared > 280 and len(contradicted) < 0.12 * compared


def test_the_rows_of_the_facts_are_all_there(shared: Path) -> None:
    """Every parameter and FLOP of the facts' classification, segmentation and detection tables is in ours."""

    def texts(table: str) -> set[str]:
        return set(published(table).to_numpy().ravel())

    def numbers(path: Path, *columns: str) -> set[str]:
        with path.open(encoding="utf-8") as file:
            return {row[c] for row in csv.DictReader(file) for c in columns if row[c]}

    facts = shared / "facts"
    others = {
        "segmentation": [
            ("espnet_other_datasets.csv", "miou_pct", "class_avg_pct", "params_M", "fps_titanx"),
            ("esnet_tables.csv", "miou_class_pct", "params_M", "fps"),
        ],
        "language": [("espnetv2_language.csv", "params_M", "ppl_val", "ppl_test", "model_size_MB")],
        "edge_device": [
            ("espnet_tx2.csv", "power_W", "fps"),
            ("espnetv2_power.csv", "execution_power_W", "peak_power_W"),
        ],
        "modules": [
            ("espnet_modules.csv", "params_M", "network_size_MB", "miou_class_val_pct", "fps_laptop_gtx960m")
        ],
        "ablations": [
            ("espnet_ablation.csv", "params_M", "erf_module_side_px", "delta_miou_points", "delta_params_pct")
        ],
    }  # fmt: skip
    for table, sources in others.items():
        for name, *columns in sources:
            assert numbers(facts / name, *columns) <= texts(table), name
    for table, sources in {
        "classification": [("espnetv2_imagenet.csv", "flops_M", "params_M")],
        "segmentation": [("espnetv2_segmentation.csv", "flops_B", "params_M")],
        "detection": [("espnetv2_detection.csv", "flops_B", "params_M")],
    }.items():
        ours = texts(table)
        for name, *columns in sources:
            assert numbers(facts / name, *columns) <= ours, name


@pytest.mark.parametrize(
    ("value", "text", "same"),
    [
        (3.739090944, "3.8", False), (3.739090944, "3.7", True), (3.79, "3.7", True), (3.75, "3.8", True),
        (284.8, "284", True), (284.8, "285", True), (284.4, "285", False), (28.365, "28.37", True),
        (28.3649, "28.37", False), (0.306, "0.306", True), (1e-7, "0.0", True), (2e9, "2000000000", True),
    ],
)  # fmt: skip
def test_printed_digits_are_the_number_rounded_or_cut_off(value: float, text: str, same: bool) -> None:
    assert prints_as(value, text) == same


def test_a_number_one_off_in_the_last_digit_is_a_contradiction() -> None:
    (macs,) = (c for c in comparisons("segmentation") if c.preset == "enet" and c.column == "macs_G")
    assert macs.published == "3.8" and macs.counted == pytest.approx(3.739, abs=1e-3) and not macs.agrees


def sizes(folder: Traversable) -> Iterator[tuple[str, int, int]]:
    for file in folder.iterdir():
        if file.name.endswith(".csv"):
            for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
                for column in ("input_size", "image_size"):
                    for sides in re.findall(r"\b(\d{2,})x(\d{2,})\b", row.get(column) or ""):
                        yield f"{file.name}: {row}", int(sides[0]), int(sides[1])


def test_sizes_are_height_times_width_in_every_table() -> None:
    """Every picture of the papers lies on its side."""
    known = [*sizes(files("reports") / "published"), *sizes(files("analysis.predictors") / "data")]
    assert len(known) > 400
    assert [where for where, height, width in known if height > width] == []


def test_sizes_are_those_of_the_facts(shared: Path) -> None:
    """Which has some as width x height; a network of one source has the sizes there that it has here."""
    ours: dict[tuple[str, str], set[frozenset[str]]] = {}
    for table in ("segmentation", "classification", "detection"):
        for _, row in published(table).iterrows():
            ours.setdefault((row["source"], row["network"]), set()).add(
                frozenset(row["input_size"].split("x"))
            )
    met = 0
    for name in (
        "espnet_cityscapes.csv",
        "espnetv2_segmentation.csv",
        "espnetv2_imagenet.csv",
        "esnet_tables.csv",
    ):
        with (shared / "facts" / name).open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                size, here = (
                    row.get("image_size") or row.get("input_size"),
                    ours.get((row["source"], row["network"])),
                )
                if size and "x" in size and here is not None:
                    assert frozenset(size.split("x")) in here, row
                    met += 1
    assert met > 100


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(InputError, match="no such table; there are classification"):
        published("speed")


HEADER = "dataset,network,params_M,miou_pct,origin,source\n"
GOOD = "CamVid,A,0.4,55.6,quoted-text,here\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "CamVid,B,0.4,55.6,quoted-text\n", "line 3: too few cells: 5 instead of 6"),
        (GOOD + "CamVid,B,0.4,55.6,quoted-text,here,there\n", "line 3: too many cells: 7 instead of 6"),
        ("CamVid,B,about 4,55.6,quoted-text,here\n", "line 2: params_M: 'about 4': must be a number"),
        ("CamVid,B,4,nan,quoted-text,here\n", "line 2: miou_pct: 'nan': must be a number"),
        ("CamVid,B,4,55,guessed,here\n", "line 2: origin: 'guessed': must be one of quoted-text"),
        ('CamVid,"B\nC",4,55,quoted-text,here\n' + "x\n", "line 4: too few cells: 1"),
        ('CamVid,"B,4,55,quoted-text,here\n', "line 2: unexpected end of data"),
    ],
)
def test_a_broken_row_is_refused_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_rows(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("dataset,dataset,origin\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1: two columns are named 'dataset'"):
        read_rows(path)
    with pytest.raises(InputError, match="line 1: no column 'network'"):
        read_rows(path, ("network",))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-16 text"):
        read_rows(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "none.csv")
