"""The cache: what is in it, how large and old, and what goes when it is cleared."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.devices.cache import MeasurementCache
from analysis.devices.opening import open_device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import Settings
from searches.data.cache import Item, cached
from tests.commands import archspace, printed, refused

pytestmark = pytest.mark.slow

SIZE = ("--input", "32x32", "--runs", "5", "--warmup", "1", "--no-power", "--attempts", "1")
NETWORK = "espnetv2-0.5"
DAY = 24 * 3600


def filled(folder: Path) -> None:
    """One entry of each kind: a measured network, decoded data, a predictor."""
    cached({"layout": "made", "split": "val", "input_size": [4, 4]}, 3, {"images": Item((4, 4), "uint8")},
           lambda index: [np.zeros((4, 4), np.uint8)])  # fmt: skip
    (folder / "predictors").mkdir()
    (folder / "predictors/cpu.json").write_text("{}")
    made = folder / "measurements/0123456789abcdef"
    made.mkdir(parents=True)
    record = {"label": "tiny", "device": "cpu", "runtime": "onnxruntime 1", "latency_ms": {"median": 4.2}}
    (made / "x-30-latency.json").write_text(json.dumps(record))
    (folder / "measurements/place.lock").touch()


def kinds(*words: str) -> dict[str, int]:
    return {
        name: one["entries"]
        for name, one in printed(archspace("cache", "--json", *words).stdout)["kinds"].items()
    }


def test_every_kind_is_listed_with_folder_sizes_and_ages(cache_folder: Path) -> None:
    filled(cache_folder)
    report = printed(archspace("cache", "--json").stdout)
    assert report["folder"] == str(cache_folder)
    assert set(report["kinds"]) == {"measurements", "data", "predictors", "environments", "native"}
    assert {one["kind"]: one["label"] for one in report["entries"]} == {
        "measurements": "tiny on cpu, onnxruntime 1: 4.2 ms", "data": "made, val: 3 items at 4x4",
        "predictors": "cpu.json",
    }  # fmt: skip
    for one in report["entries"]:
        path = Path(one["path"])
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        assert one["bytes"] == sum(file.stat().st_size for file in files) > 0
        assert 0 <= one["age_s"] < DAY
    shown = archspace("cache", "--all").stdout
    assert str(cache_folder) in shown and "tiny on cpu, onnxruntime 1: 4.2 ms" in shown


def test_clearing_leaves_locks_and_what_a_command_made(cache_folder: Path) -> None:
    filled(cache_folder)
    cleared = archspace("cache", "clear")
    assert (
        cleared.stdout.startswith("removed 2 entries, ")
        and "archspace cache clear predictors" in cleared.stdout
    )
    assert kinds() == {"measurements": 0, "data": 0, "predictors": 1, "environments": 0, "native": 0}
    assert (cache_folder / "measurements/place.lock").exists()
    assert (
        printed(archspace("cache", "clear", "predictors", "--json").stdout)["removed"][0]["kind"]
        == "predictors"
    )
    assert kinds() == {"measurements": 0, "data": 0, "predictors": 0, "environments": 0, "native": 0}
    refused(archspace("cache", "clear", "measurement"), "measurement", "measurements")


def test_what_is_younger_stays(cache_folder: Path) -> None:
    filled(cache_folder)
    old = cache_folder / "measurements/0123456789abcdef/x-30-latency.json"
    os.utime(old, (time.time() - 3 * DAY,) * 2)
    archspace("cache", "clear", "--older-than", "2")
    assert kinds() == {"measurements": 0, "data": 1, "predictors": 1, "environments": 0, "native": 0}


def test_measure_answers_from_the_cache_only_where_it_is_told_and_says_from_when(cache_folder: Path) -> None:
    first = json.loads(archspace("measure", NETWORK, *SIZE, "--json").stdout)
    assert "from_cache" not in first["how"]
    steady = replace(DeviceRecord.from_dict(first), flags=())  # on a busy machine it is not, and not kept
    settings = Settings(runs=5, warmup=1, power=False, attempts=1)
    MeasurementCache(open_device("cpu"), settings).put(steady)
    again = json.loads(archspace("measure", NETWORK, *SIZE, "--cached", "--json").stdout)
    assert again["how"]["from_cache"] and again["how"]["measured_at"] == first["how"]["measured_at"]
    assert again["latency_ms"] == first["latency_ms"]
    assert "from the cache" in archspace("measure", NETWORK, *SIZE, "--cached").stdout
    fresh = json.loads(archspace("measure", NETWORK, *SIZE, "--fresh", "--json").stdout)
    assert fresh["latency_ms"]["samples"] != first["latency_ms"]["samples"]
