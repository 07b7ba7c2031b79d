"""``workers: auto``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from searches.config import cores
from searches.config.study import parse_config
from searches.study.workers import on_device
from tests.searches.studies import tiny


def test_a_study_says_one_worker_unless_it_says_auto() -> None:
    assert parse_config(tiny()).workers == 1
    usable = cores.usable_cores()
    assert 1 <= usable <= (os.cpu_count() or 1)
    assert parse_config(tiny(workers="auto")).workers == min(usable, cores.MOST_WORKERS)
    assert parse_config(tiny(workers="auto", threads=2 * usable)).workers == 1


def test_each_gpu_has_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cores, "GPUS", tmp_path)
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    study = parse_config(tiny(workers="auto", device="cuda"))
    assert study.workers == 2
    assert [on_device(study, worker).device for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert parse_config(tiny(workers="auto", device="cuda")).workers == 1
    assert on_device(study, 1).device == "cuda"


@pytest.mark.parametrize(
    ("quota", "most"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", 10**6), ("", 10**6)]
)
def test_a_containers_quota_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, most: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(cores, "CPU_QUOTA", tmp_path / "none")
    whole = cores.usable_cores()
    monkeypatch.setattr(cores, "CPU_QUOTA", tmp_path / "cpu.max")
    assert cores.usable_cores() == min(whole, most)
