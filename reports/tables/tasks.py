"""What the table of each task shows: which columns, from which published column and which measured metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.quantities import QUANTITIES, names_of
from archspace.support.errors import FieldError, closest
from reports.frames.rows import unit_of_column
from reports.tables.table import Column, column_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskColumn:
    """A column of a task's tables, and where its numbers come from.

    Attributes:
        column: how it is shown.
        published: its column in the CSV of published rows; empty where papers do not print it.
        measured: names under which records, metrics and counts have it, the first that is there is taken.
        split: take measured values of this split alone.
        datasets: only in tables of data whose name begins with one of these; in all if empty.
    """

    column: Column
    published: str = ""
    measured: tuple[str, ...] = ()
    split: str = ""
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTables:
    """The tables of one task, one for each data set or device.

    Attributes:
        task: as specs and studies call it.
        source: the CSV of published rows.
        title: what its tables show, before the data set's name.
        group: the published column that says to which table a row belongs.
        labels: titles of the text columns, with the published column of each; the first names the row.
        quantities: the columns of numbers.
        pareto: pairs of columns over which rows may be dominated; the pair that most rows have is taken.
        layouts: for a layout of data, the published data set that it may hold, and what the folder's name then says;
            a layout that holds nothing else asks for no name.
    """

    task: str
    source: str
    title: str
    group: str = "dataset"
    labels: Mapping[str, str]
    quantities: tuple[TaskColumn, ...]
    pareto: tuple[tuple[str, str], ...]
    layouts: Mapping[str, tuple[str, str]]


def _column(
    name: str, published: str = "", *measured: str, scale: str = "", task: str = "", split: str = "",
    datasets: tuple[str, ...] = (), **changes: Any,
) -> TaskColumn:  # fmt: skip
    """A quantity of the registry as a column; without ``measured`` it is looked for under its own name."""
    within = () if name in _OF_THE_NETWORK else _WITHIN.get(QUANTITIES[name].source, ())
    column = column_of(QUANTITIES[name], scale, task=task, within=within, **changes)
    return TaskColumn(
        column=column, published=published, measured=measured or (name,), split=split, datasets=datasets
    )


def _change(key: str, title: str, unit: str, published: str = "", digits: int = 2) -> TaskColumn:
    """What an ablation says of two rows; neither way is better."""
    published = published or key
    column = Column(key=key, title=title, unit=unit, digits=digits, factor=unit_of_column(published))
    return TaskColumn(column=column, published=published)


_OF_THE_NETWORK = ("params", "size")
"""What does not depend on how a network is used."""
_ON = (
    "Input",
    "Host",
    "Speed on",
    "Device",
    "Batch",
    "Precision",
    "Runtime",
    "GPU clock (MHz)",
    "Power mode",
)
_WITHIN: Mapping[str, tuple[str, ...]] = {
    "counted": ("Input",), "evaluation": ("Split", "Input", "Protocol", "Host", "Table"), "device": _ON,
}  # fmt: skip
"""The labels that rows must share for their numbers to compare, by how a quantity comes about."""

_PARAMS = _column("params", "params_M", scale="M")
_MACS_M = _column("macs", "macs_M", scale="M")
_MACS_G = _column("macs", "macs_G", scale="G")
_SIZE = _column("size", "size_MB", scale="MB", key="size_mb")
_MIOU = _column("miou", "miou_pct")
_PERPLEXITIES = tuple(
    _column("perplexity", f"ppl_{split}", split=split, key=f"ppl_{split}", title=f"Perplexity, {word}")
    for split, word in (("val", "validation"), ("test", "test"))
)
_FPS = _column("fps", "fps")
_ON_DEVICE = tuple(_column(name) for name in names_of("device"))
_NETWORK = {
    "Network": "network", "Width": "width", "Split": "split", "Input": "input_size", "Protocol": "protocol",
    "Speed on": "fps_device",
}  # fmt: skip

TASKS: Mapping[str, TaskTables] = {
    one.task: one
    for one in (
        TaskTables(
            task="classification", source="classification", title="Image classification",
            labels=_NETWORK, pareto=(("macs", "accuracy"), ("params", "accuracy")),
            layouts={"imagefolder": ("ImageNet", "imagenet")},
            quantities=(
                _PARAMS, _MACS_M, _column("accuracy", "top1_pct"), _column("top5_accuracy", "top5_pct"), *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="multilabel", source="multilabel", title="Multi-label classification",
            labels=_NETWORK, pareto=(("macs", "of1"), ("params", "of1")), layouts={"coco": ("MS-COCO", "coco")},
            quantities=(
                _PARAMS, _MACS_M, _column("cf1", "cf1_pct"), _column("of1", "of1_pct"),
                _column("map", "map_pct", task="multilabel"), *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="segmentation", source="segmentation", title="Semantic segmentation",
            labels=_NETWORK, pareto=(("macs", "miou"), ("params", "miou")),
            layouts={
                "cityscapes": ("Cityscapes", ""), "voc": ("PASCAL VOC 2012", "voc2012"), "segnet": ("CamVid", "camvid"),
                "mapillary": ("Mapillary", ""), "mapillary-v2": ("Mapillary", ""),
            },
            quantities=(
                _PARAMS, _MACS_G, _MIOU,
                _column("category_miou", "category_miou_pct"), _column("class_accuracy", "class_accuracy_pct"), _FPS,
                *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="detection", source="detection", title="Object detection", labels=_NETWORK,
            pareto=(("macs", "map"), ("macs", "map_voc07")),
            layouts={"voc": ("PASCAL VOC07 (train 07+12)", "voc2007"), "coco": ("MS-COCO", "coco")},
            quantities=(
                _PARAMS, _MACS_G,
                _column("map_voc07", "map_50_pct", datasets=("PASCAL VOC",)),
                _column("map", "map_50_95_pct", task="detection"),
                _column("map_50", "map_50_pct", datasets=("MS-COCO",)), _column("map_75", "map_75_pct"), _FPS,
                *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="language", source="language", title="Language modelling",
            labels={"Network": "network", "Groups": "groups", "Hidden": "hidden"},
            pareto=(("params", "ppl_test"), ("params", "ppl_val")),
            layouts={},
            quantities=(
                _PARAMS, *_PERPLEXITIES, _column("macs", scale="M"), _SIZE, *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="edge-device", source="edge_device", title="Speed and power", group="table",
            labels={
                "Network": "network", "Device": "device", "Input": "input_size", "Batch": "batch",
                "Precision": "precision", "Runtime": "runtime", "GPU clock (MHz)": "gpu_MHz", "Power mode": "clock",
            },
            pareto=(("fps", "power_w"), ("latency_ms", "energy_mj")), layouts={},
            quantities=(
                _column("latency_ms", "latency_ms"), _FPS, _column("power_w", "power_W", title="Power under load"),
                _column("peak_power_w", "peak_power_W"), _column("energy_mj", "energy_mJ"),
                _column("peak_memory_bytes", scale="MB"),
            ),
        ),
        TaskTables(
            task="modules", source="modules", title="Modules in ESPNet-C (ESPNet, figure 5)",
            labels={"Module": "network", "Host": "host", "Split": "split", "Speed on": "fps_device"},
            pareto=(("params", "miou"),), layouts={},
            quantities=(
                _PARAMS, _SIZE, _MIOU, _FPS,
            ),
        ),
        TaskTables(
            task="ablations", source="ablations", title="Ablations of", group="paper",
            labels={"Variant": "variant", "Table": "ablation", "Split": "split"}, pareto=(), layouts={},
            quantities=(
                _PARAMS, _MIOU,
                _change("delta_points", "Change", "points", digits=1),
                _change("delta_params_pct", "Change of parameters", "%"),
                _change("delta_params", "Change of parameters", "M", "delta_params_M"),
                _change("delta_size_mb", "Change of size", "MB", "delta_size_MB"),
                _change("params_ratio", "Ratio of parameters", ""),
                _change("module_field_px", "Field of a unit", "pixels", digits=0),
            ),
        ),
    )
}  # fmt: skip
"""Every task's tables by name; the last two are the papers' own comparisons."""


def task_tables(name: str) -> TaskTables:
    """Returns the tables of a task.

    Raises:
        FieldError: there is no such task.
    """
    if name not in TASKS:
        raise FieldError("TASK", name, "no such tables", closest(name, list(TASKS)))
    return TASKS[name]
