"""What the table of each task shows: which columns, from which published column and which measured metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.store.records import Direction
from archspace.support.errors import FieldError, closest
from reports.frames.rows import unit_of_column
from reports.tables.table import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
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
    quantities: tuple[Quantity, ...]
    pareto: tuple[tuple[str, str], ...]
    layouts: Mapping[str, tuple[str, str]]


def _quantity(
    key: str, title: str, unit: str, better: Direction | None, published: str = "", *measured: str,
    digits: int = 2, split: str = "", datasets: tuple[str, ...] = (),
) -> Quantity:  # fmt: skip
    factor = unit_of_column(published) if published else {"M": 1e6, "G": 1e9, "MB": 1e6}.get(unit, 1.0)
    column = Column(key=key, title=title, unit=unit, better=better, digits=digits, factor=factor)
    return Quantity(column=column, published=published, measured=measured, split=split, datasets=datasets)


_PARAMS = _quantity("params", "Parameters", "M", "minimize", "params_M", "params")
_MACS_M = _quantity("macs", "MACs", "M", "minimize", "macs_M", "macs")
_MACS_G = _quantity("macs", "MACs", "G", "minimize", "macs_G", "macs")
_LATENCY = _quantity("latency_ms", "Latency", "ms", "minimize", "", "latency_ms")
_ENERGY = _quantity("energy_mj", "Energy", "mJ", "minimize", "", "energy_mj")
_POWER = _quantity("power_w", "Power", "W", "minimize", "", "power_w")
_MIOU = _quantity("miou", "mIoU", "%", "maximize", "miou_pct", "miou")
_CLASS_ACCURACY = _quantity(
    "class_accuracy", "Class accuracy", "%", "maximize", "class_accuracy_pct", "class_accuracy"
)
_PERPLEXITIES = (
    _quantity("ppl_val", "Perplexity, validation", "", "minimize", "ppl_val", "perplexity", split="val"),
    _quantity("ppl_test", "Perplexity, test", "", "minimize", "ppl_test", "perplexity", split="test"),
)
_FPS = _quantity("fps", "Speed", "frames/s", "maximize", "fps", digits=1)
_ON_DEVICE = (_LATENCY, _POWER, _ENERGY)
_NETWORK = {"Network": "network", "Width": "width", "Split": "split", "Input": "input_size"}
_MAP_VOC07 = _quantity(
    "map_voc07",
    "mAP at 0.50 (VOC 2007)",
    "%",
    "maximize",
    "map_50_pct",
    "map_voc07",
    datasets=("PASCAL VOC",),
)
_MAP_50 = _quantity("map_50", "mAP at 0.50", "%", "maximize", "map_50_pct", "map_50", datasets=("MS-COCO",))

TASKS: Mapping[str, TaskTables] = {
    one.task: one
    for one in (
        TaskTables(
            task="classification", source="classification", title="Image classification",
            labels=_NETWORK, pareto=(("macs", "accuracy"), ("params", "accuracy")),
            layouts={"imagefolder": ("ImageNet", "imagenet")},
            quantities=(
                _PARAMS, _MACS_M,
                _quantity("accuracy", "Top-1", "%", "maximize", "top1_pct", "accuracy"),
                _quantity("top5_accuracy", "Top-5", "%", "maximize", "top5_pct", "top5_accuracy"), *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="multilabel", source="multilabel", title="Multi-label classification",
            labels=_NETWORK, pareto=(("macs", "of1"), ("params", "of1")), layouts={"coco": ("MS-COCO", "coco")},
            quantities=(
                _PARAMS, _MACS_M, _quantity("cf1", "Class F1", "%", "maximize", "cf1_pct", "cf1"),
                _quantity("of1", "Overall F1", "%", "maximize", "of1_pct", "of1"),
                _quantity("map", "mAP over classes", "%", "maximize", "map_pct", "map"), *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="segmentation", source="segmentation", title="Semantic segmentation",
            labels={**_NETWORK, "Speed on": "fps_device"}, pareto=(("macs", "miou"), ("params", "miou")),
            layouts={
                "cityscapes": ("Cityscapes", ""), "voc": ("PASCAL VOC 2012", "voc2012"), "segnet": ("CamVid", "camvid"),
                "mapillary": ("Mapillary", ""), "mapillary-v2": ("Mapillary", ""),
            },
            quantities=(
                _PARAMS, _MACS_G, _MIOU,
                _quantity("category_miou", "Category mIoU", "%", "maximize", "category_miou_pct"),
                _CLASS_ACCURACY, _FPS, *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="detection", source="detection", title="Object detection", labels=_NETWORK,
            pareto=(("macs", "map"), ("macs", "map_voc07")),
            layouts={"voc": ("PASCAL VOC07 (train 07+12)", "voc2007"), "coco": ("MS-COCO", "coco")},
            quantities=(
                _PARAMS, _MACS_G,
                _MAP_VOC07, _quantity("map", "mAP 0.50 to 0.95", "%", "maximize", "map_50_95_pct", "map"),
                _MAP_50, _quantity("map_75", "mAP at 0.75", "%", "maximize", "map_75_pct", "map_75"), _FPS, *_ON_DEVICE,
            ),
        ),
        TaskTables(
            task="language", source="language", title="Language modelling",
            labels={"Network": "network", "Groups": "groups", "Hidden": "hidden"},
            pareto=(("params", "ppl_test"), ("params", "ppl_val")),
            layouts={},
            quantities=(
                _PARAMS, *_PERPLEXITIES, _quantity("macs", "MACs", "M", "minimize", "", "macs"),
                _quantity("size_mb", "Size", "MB", "minimize", "size_MB"), *_ON_DEVICE,
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
                _quantity("latency_ms", "Latency", "ms", "minimize", "latency_ms", "latency_ms"),
                _quantity("fps", "Speed", "frames/s", "maximize", "fps", "fps", digits=1),
                _quantity("power_w", "Power under load", "W", "minimize", "power_W", "power_w"),
                _quantity("peak_power_w", "Peak power", "W", "minimize", "peak_power_W"),
                _quantity("energy_mj", "Energy", "mJ", "minimize", "energy_mJ", "energy_mj"),
                _quantity("peak_memory_bytes", "Peak memory", "MB", "minimize", "", "peak_memory_bytes"),
            ),
        ),
        TaskTables(
            task="modules", source="modules", title="Modules in ESPNet-C (ESPNet, figure 5)",
            labels={"Module": "network", "Host": "host", "Split": "split", "Speed on": "fps_device"},
            pareto=(("params", "miou"),), layouts={},
            quantities=(
                _PARAMS, _quantity("size_mb", "Size", "MB", "minimize", "size_MB"),
                _quantity("miou", "mIoU", "%", "maximize", "miou_pct"), _FPS,
            ),
        ),
        TaskTables(
            task="ablations", source="ablations", title="Ablations of", group="paper",
            labels={"Variant": "variant", "Table": "ablation", "Split": "split"}, pareto=(), layouts={},
            quantities=(
                _PARAMS, _quantity("miou", "mIoU", "%", "maximize", "miou_pct"),
                _quantity("delta_points", "Change", "points", None, "delta_points", digits=1),
                _quantity("delta_params_pct", "Change of parameters", "%", None, "delta_params_pct"),
                _quantity("delta_params", "Change of parameters", "M", None, "delta_params_M"),
                _quantity("delta_size_mb", "Change of size", "MB", None, "delta_size_MB"),
                _quantity("params_ratio", "Ratio of parameters", "", None, "params_ratio"),
                _quantity("module_field_px", "Field of a unit", "pixels", None, "module_field_px", digits=0),
            ),
        ),
    )
}  # fmt: skip
"""Every task's tables by name; the last two are the papers' own comparisons."""


def task_tables(name: str) -> TaskTables:
    """The tables of a task.

    Raises:
        FieldError: there is no such task.
    """
    if name not in TASKS:
        raise FieldError("TASK", name, "no such tables", closest(name, list(TASKS)))
    return TASKS[name]
