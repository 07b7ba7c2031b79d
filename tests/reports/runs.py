"""Synthetic studies and run folders: plausible numbers from a formula, nothing is built or trained."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from analysis.quantities import Quantity, objective
from analysis.store.records import RUN_FORMAT, Measurement, StudyRecord, TrialRecord
from analysis.store.runs import write_record

UNITS = ("esp", "eesp", "mobilenetv2", "shufflenetv2", "resnext", "mixed")
_COST = {"esp": 1.0, "eesp": 0.7, "mobilenetv2": 0.85, "shufflenetv2": 0.6, "resnext": 1.3, "mixed": 0.9}
_SKILL = {"esp": 0.0, "eesp": 2.6, "mobilenetv2": 1.4, "shufflenetv2": 0.4, "resnext": 0.6, "mixed": 1.8}
LIMIT = 1.2e9


def spec(unit: str, width: float, branches: int, alphas: list[int]) -> dict[str, Any]:
    """A spec as plain data, with the fields that reports show."""
    units = ["eesp", "esp", "esp"] if unit == "mixed" else [unit] * 3
    return {
        "version": 1, "network": "espnetv2", "task": "segmentation", "unit": units,
        "branches": [branches] * 3, "width": width, "alphas": alphas, "receptive_field": [13, 11, 9, 7],
        "dilated": True, "fusion": "hff", "residual": True, "activation": "prelu", "pointwise_kernel": None,
        "downsampling": "strided-unit", "reinforcement": True, "decoder": "edgenets", "classes": 12,
        "input_size": [360, 480], "channels": 3,
    }  # fmt: skip


def trial(label: str, number: int, values: dict[str, float], **fields: object) -> TrialRecord:
    """A complete trial with ``values`` as measured objectives; ``fields`` override."""
    measurements = {
        name: Measurement(name, value, objective(name).unit, fields.pop(f"{name}_origin", "measured"))
        for name, value in values.items()
    }
    base: dict[str, Any] = {
        "label": label, "number": number, "state": "complete", "values": values, "measurements": measurements,
        "spec": spec("esp", 1.0, 4, [1, 2, 3]), "arch_id": f"id{label}",
    }  # fmt: skip
    return TrialRecord(**(base | fields))


def study_of(
    *trials: TrialRecord, objectives: tuple[str, ...] = ("macs", "miou"), **config: object
) -> StudyRecord:
    """A study of the trials given."""
    chosen: tuple[Quantity, ...] = tuple(objective(name) for name in objectives)
    return StudyRecord(
        name="small", config=study_config(objectives) | config, objectives=chosen, trials=trials
    )


def study_config(objectives: tuple[str, ...], name: str = "small") -> dict[str, Any]:
    """A resolved ``study.yaml``."""
    return {
        "format": RUN_FORMAT, "name": name, "task": "segmentation", "trials": 30, "seed": 3,
        "data": {"layout": "camvid", "root": "data/camvid", "input_size": [360, 480]},
        "objectives": list(objectives), "constraints": {"macs": {"max": LIMIT}},
    }  # fmt: skip


def realistic_study(
    count: int = 30, *, seed: int = 1, objectives: tuple[str, ...] = ("macs", "miou")
) -> StudyRecord:
    """Trials over units, widths and depths: two given, some infeasible, a failure and a duplicate."""
    random = np.random.default_rng(seed)
    trials = [
        _sampled(random, number, given)
        for given, number in [
            ("espnetv2-seg-1.0", 0),
            ("espnet-c", 1),
            *((None, n) for n in range(count - 2)),
        ]
    ]
    if count > 8:
        first = next(t for t in trials if t.state == "complete" and t.given is None)
        copy = {name: getattr(first, name) for name in first.__slots__}
        trials[-1] = TrialRecord(
            **(copy | {"label": str(count - 3), "number": count - 3, "duplicate_of": first.label})
        )
        kept = {k: m for k, m in trials[-2].measurements.items() if m.origin == "counted"}
        broken = {name: getattr(trials[-2], name) for name in first.__slots__}
        change = {"state": "failed", "values": {}, "measurements": kept, "reason": "loss is NaN in epoch 3"}
        trials[-2] = TrialRecord(**(broken | change))
    return StudyRecord(
        name="camvid-units", config=study_config(objectives, "camvid-units"),
        objectives=tuple(objective(name) for name in objectives), trials=tuple(trials),
    )  # fmt: skip


def _sampled(random: np.random.Generator, number: int, given: str | None) -> TrialRecord:
    unit = {"espnetv2-seg-1.0": "eesp", "espnet-c": "esp"}.get(given or "") or str(random.choice(UNITS))
    width = 1.0 if given else float(np.round(random.uniform(0.3, 2.4), 2))
    alphas = [2, 3, 7] if given else [int(a) for a in random.integers(1, 8, size=3)]
    branches = 4 if given else int(random.choice([2, 4, 8]))
    macs = round(2.4e8 * _COST[unit] * width**2 * (1 + sum(alphas) / 10))
    params = round(1.9e5 * _COST[unit] * width**2 * (1 + sum(alphas) / 14))
    label = f"given-{number}" if given else str(number)
    counted = {
        "macs": Measurement("macs", macs, "MACs", "counted", {"counter": "plan"}),
        "params": Measurement("params", params, "parameters", "counted", {"counter": "plan"}),
    }
    fields: dict[str, Any] = {
        "label": label, "number": number, "given": given, "seed": 1000 + number,
        "spec": spec(unit, width, branches, alphas),
        "arch_id": f"{zlib.crc32(repr((unit, width, branches, alphas)).encode()):012x}",
        "started": "2025-01-01T00:00:00Z", "finished": "2025-01-01T00:10:00Z",
    }  # fmt: skip
    if macs > LIMIT:
        reason = f"macs {macs / 1e9:.2f} G is over the limit of {LIMIT / 1e9:.1f} G"
        return TrialRecord(**fields, state="infeasible", measurements=counted, reason=reason)
    miou = 62 * (1 - math.exp(-((macs / 9e7) ** 0.55))) + _SKILL[unit] + float(random.normal(0, 3.2))
    latency = 3 + macs / 9e7 + (2 if unit == "shufflenetv2" else 0) + float(random.normal(0, 0.3))
    measured = {
        "miou": Measurement("miou", miou, "%", "measured", {"split": "val"}),
        "latency_ms": Measurement("latency_ms", latency, "ms", "measured", {"device": "cpu"}),
    }
    values = {"macs": float(macs), "params": float(params), "miou": miou, "latency_ms": latency}
    return TrialRecord(**fields, state="complete", values=values, measurements=counted | measured)


def write_run(folder: Path, study: StudyRecord) -> Path:
    """Write the study as a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(dict(study.config)), encoding="utf-8")
    for record in study.trials:
        write_record(folder, record)
    return folder
