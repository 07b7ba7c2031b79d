"""The one table of quantities: what each is called, in which unit, which way is better, how it comes about. No torch.

A quantity is one entry, of ours or of anybody's (:func:`register`); objectives, constraints, ``--max-NAME`` and
``--min-NAME``, columns of tables, axes of figures, lines of cards and numbers of the page look it up here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from archspace.support.errors import FieldError, InputError, closest
from archspace.support.registry import Registry

if TYPE_CHECKING:
    from analysis.counts.complexity import Cost
    from archspace.spec.archspec import ArchSpec

Direction: TypeAlias = Literal["minimize", "maximize"]
Source: TypeAlias = Literal["counted", "device", "evaluation", "training", "unknown"]
"""How a quantity comes about: counted from a spec, measured on a device, measured on a split, or in training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What is known of a number before it is taken.

    Attributes:
        name: key in records, JSON and CSV; it ends with the unit where that is not the usual one (``latency_ms``).
        unit: of raw values; empty for a bare number.
        direction: which way is better.
        title: in full, for axes.
        short: in a word or two, for sentences and headers.
        source: how it comes about.
        digits: decimals in a column of a table.
        tasks: whose evaluation yields it.
        main: those of ``tasks`` that judge a network by it.
        by_task: another ``short`` where a task means something of its own by it.
        count: for one that is counted: its value for a spec.
        read: for one that is measured on a device: its value in a :class:`analysis.devices.record.DeviceRecord`,
            ``None`` where that has none.
        always: whether trials record it even where nobody asked for it.
        needs_power: whether the device has to sample its power.
        int8_of: of an evaluation of the INT8 form, the name of the metric that it yields.
    """

    name: str
    unit: str
    direction: Direction
    title: str
    short: str
    source: Source
    digits: int = 2
    tasks: tuple[str, ...] = ()
    main: tuple[str, ...] = ()
    by_task: Mapping[str, str] = field(default_factory=dict, hash=False)
    count: Callable[[ArchSpec], float] | None = field(default=None, hash=False, compare=False)
    read: Callable[[Any], float | None] | None = field(default=None, hash=False, compare=False)
    always: bool = False
    needs_power: bool = False
    int8_of: str = ""

    @property
    def label(self) -> str:
        """Axis label: title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def goal(self) -> bool:
        """Whether it can be an objective or a constraint of a study (of one of its tasks)."""
        return bool(self.count or self.read or (self.source == "evaluation" and self.tasks))

    @property
    def quality(self) -> bool:
        """Whether it says how good a network is, and not what it takes."""
        return self.source == "evaluation" or self.direction == "maximize"

    @property
    def counted(self) -> bool:
        """Whether it follows from the spec alone."""
        return self.source == "counted"

    def value_of(self, spec: ArchSpec) -> float:
        """Returns what a quantity that is counted is for ``spec``.

        Raises:
            InputError: its function cannot count the network.
        """
        if self.count is None:
            raise InputError(f"{self.name}: is not counted from a spec")
        try:
            return float(self.count(spec))
        except InputError:
            raise
        except Exception as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise InputError(f"{self.name}: cannot be counted for {spec.label}: {problem}") from error

    def heading(self, task: str = "") -> str:
        """Returns the short form as a table's header."""
        short = self.by_task.get(task, self.short)
        return short[0].upper() + short[1:] if short.split()[0].islower() else short

    def to_dict(self) -> dict[str, Any]:
        """Returns what a reader needs that does not have the entry, as plain data for JSON."""
        return {name: getattr(self, name) for name in _KEPT}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Quantity:
        """Returns a quantity as :meth:`to_dict` described it: it can be shown, not counted or measured."""
        return cls(**{name: data[name] for name in _KEPT})


_KEPT = ("name", "unit", "direction", "title", "short", "source", "digits")

QUANTITIES: Registry[Quantity] = Registry("quantity")
"""Every quantity by name."""


def register(entry: Quantity) -> Quantity:
    """Enters a quantity under its name, which must be free, and returns it."""
    return QUANTITIES.register(entry.name)(entry)


def described(name: str, noted: Mapping[str, Quantity] | None = None) -> Quantity:
    """Returns the entry called ``name``, else what is noted of it, else a bare number of that name.

    Args:
        name: of the quantity.
        noted: descriptions that a run folder keeps, for entries of a plug-in that is not here.
    """
    if name in QUANTITIES:
        return QUANTITIES[name]
    bare = Quantity(name=name, unit="", direction="minimize", title=name, short=name, source="unknown")
    return (noted or {}).get(name, bare)


def goals(task: str | None = None) -> dict[str, Quantity]:
    """Returns what a study may optimise or bound, by name: of any task, or of ``task``."""
    return {
        name: one
        for name, one in QUANTITIES.items()
        if one.goal and (task is None or one.source != "evaluation" or task in one.tasks)
    }


def objective(name: str, noted: Mapping[str, Quantity] | None = None, task: str | None = None) -> Quantity:
    """Returns the quantity that a study optimises under ``name``.

    Raises:
        FieldError: no entry that can be an objective has that name, nor is noted; it names those of ``task``.
    """
    known = {**(noted or {}), **goals()}
    if name not in known:
        near = closest(name, [*(noted or {}), *goals(task)])
        raise FieldError("objectives", name, "unknown objective", near)
    return known[name]


def main_metric(task: str) -> Quantity:
    """Returns the quantity that says how good a network of ``task`` is.

    Raises:
        FieldError: there is no such task.
    """
    quantity = next((one for one in QUANTITIES.values() if task in one.main), None)
    if quantity is None:
        known = sorted({name for one in QUANTITIES.values() for name in one.main})
        raise FieldError("task", task, "unknown task", closest(task, known))
    return quantity


def metrics_of(task: str) -> list[Quantity]:
    """Returns what an evaluation of ``task`` can yield, the main metric first."""
    return sorted((q for q in QUANTITIES.values() if task in q.tasks), key=lambda q: task not in q.main)


def task_of_metrics(names: Collection[str]) -> str | None:
    """Returns the task whose evaluation alone can yield metrics of these names, ``None`` where that is open."""
    asked = [QUANTITIES[name].tasks for name in names if name in QUANTITIES and QUANTITIES[name].tasks]
    tasks = {task for allowed in asked for task in allowed}
    fitting = [task for task in sorted(tasks) if all(task in allowed for allowed in asked)]
    return fitting[0] if len(fitting) == 1 else None


def names_of(source: Source) -> tuple[str, ...]:
    """Returns the names of what trials always record of that source."""
    return tuple(name for name, one in QUANTITIES.items() if one.source == source and one.always)


@lru_cache(maxsize=16)
def _cost(spec: ArchSpec) -> Cost:
    from analysis.counts.complexity import count

    return count(spec)


def _from_cost(attribute: str, spec: ArchSpec) -> float:
    return float(attrgetter(attribute)(_cost(spec)))


def _counted(name: str, unit: str, title: str, short: str, attribute: str = "", **more: Any) -> None:
    count = partial(_from_cost, attribute) if attribute else None
    register(
        Quantity(
            name=name, unit=unit, direction=more.pop("direction", "minimize"), title=title, short=short,
            source="counted", count=count, **more,
        )
    )  # fmt: skip


def _device(name: str, unit: str, title: str, short: str, attribute: str = "", **more: Any) -> None:
    read = attrgetter(attribute) if attribute else None
    register(
        Quantity(
            name=name, unit=unit, direction=more.pop("direction", "minimize"), title=title, short=short,
            source="device", read=read, **more,
        )
    )  # fmt: skip


def _metric(name: str, title: str, short: str, *tasks: str, **more: Any) -> None:
    register(
        Quantity(
            name=name, unit=more.pop("unit", "%"), direction=more.pop("direction", "maximize"), title=title,
            short=short, source="evaluation", tasks=tasks, **more,
        )
    )  # fmt: skip


_DETECTION = "detection"
_metric("accuracy", "Top-1 accuracy", "top-1", "classification", main=("classification",), always=True)
_metric("miou", "mIoU, void ignored", "mIoU", "segmentation", main=("segmentation",), always=True)
_metric(
    "map", "Mean average precision", "mAP", _DETECTION, "multilabel", main=(_DETECTION, "multilabel"), always=True,
    by_task={_DETECTION: "mAP 0.50 to 0.95", "multilabel": "mAP over classes"},
)  # fmt: skip
_metric("perplexity", "Perplexity, every token but the first", "perplexity", "language", main=("language",),
        unit="", direction="minimize", always=True)  # fmt: skip

_counted("macs", "MACs", "Multiply-accumulate operations", "MACs", "macs", always=True)
_counted("params", "parameters", "Parameters", "parameters", "params", always=True)
_counted("memory", "bytes", "Activation memory, float32", "activation memory", "activation_bytes",
         always=True)  # fmt: skip
_counted("conv_macs", "MACs", "MACs of convolutions alone (the papers' FLOPs)", "convolution MACs",
         "conv_macs")  # fmt: skip
_counted("size", "bytes", "Size of the weights in float32", "size", "total.size_bytes")
_counted("field", "px", "Receptive field of the encoder", "receptive field", direction="maximize", digits=0)

_device("latency_ms", "ms", "Latency, batch 1", "latency", "latency_ms.median", always=True)
_device("power_w", "W", "Power under load", "power", "total_power_w", always=True, needs_power=True)
_device("energy_mj", "mJ", "Energy of an inference", "energy", "energy_mj", always=True, needs_power=True)
_device("fps", "frames/s", "Inferences a second", "speed", "throughput", direction="maximize", digits=1)
_device("peak_memory_bytes", "bytes", "Largest memory of a run", "peak memory", "peak_memory_bytes")
_device("peak_power_w", "W", "Largest power of a run", "peak power")

for _name in ("accuracy", "miou", "map"):
    _of = QUANTITIES[_name]
    _metric(f"{_name}_int8", f"{_of.title}, INT8", f"{_of.short}, INT8", *_of.tasks, int8_of=_name)
_metric("top5_accuracy", "Top-5 accuracy", "top-5", "classification")
_metric("miou_void_as_error", "mIoU, void pixels counted as false positives (ESPNet authors' protocol)",
        "mIoU, void an error", "segmentation")  # fmt: skip
_metric("miou_at_input", "mIoU, void ignored, labels resized to the input", "mIoU at input", "segmentation")
_metric("pixel_accuracy", "Pixel accuracy, void ignored", "pixel accuracy", "segmentation")
_metric("class_accuracy", "Class average accuracy, void ignored", "class accuracy", "segmentation")
_metric("category_miou", "mIoU over categories", "category mIoU", "segmentation")
_metric("map_50", "mAP at an overlap of 0.50 (COCO)", "mAP at 0.50", _DETECTION)
_metric("map_75", "mAP at an overlap of 0.75 (COCO)", "mAP at 0.75", _DETECTION)
_metric("map_small", "mAP of objects below 32 x 32 pixels (COCO)", "mAP, small", _DETECTION)
_metric("map_medium", "mAP of objects of 32 x 32 to 96 x 96 pixels (COCO)", "mAP, medium", _DETECTION)
_metric("map_large", "mAP of objects above 96 x 96 pixels (COCO)", "mAP, large", _DETECTION)
_metric("map_voc07", "mAP at 0.50, eleven points (PASCAL VOC 2007)", "mAP at 0.50 (VOC 2007)", _DETECTION)
_metric("map_voc12", "mAP at 0.50, area under the curve (PASCAL VOC 2012)", "mAP at 0.50 (VOC 2012)",
        _DETECTION)  # fmt: skip
_metric("cp", "Precision, mean over classes (CP)", "class precision", "multilabel")
_metric("cr", "Recall, mean over classes (CR)", "class recall", "multilabel")
_metric("cf1", "F1 of class precision and recall (CF1)", "class F1", "multilabel")
_metric("op", "Precision over all answers (OP)", "overall precision", "multilabel")
_metric("or", "Recall over all answers (OR)", "overall recall", "multilabel")
_metric("of1", "F1 of overall precision and recall (OF1)", "overall F1", "multilabel")
_metric("cross_entropy_bits", "Bits a token (cross-entropy)", "bits a token", "language", unit="",
        direction="minimize")  # fmt: skip
_metric("unknown_percent", "Tokens that are <unk>: words that the network does not tell apart", "unknown words",
        "language", direction="minimize")  # fmt: skip

# One value a class, never an objective: tables of an evaluation show them.
_metric("class_iou", "IoU by class", "IoU")
_metric("category_iou", "IoU by category", "category IoU")
_metric("class_ap", "Average precision by class", "AP")
_metric("class_ap_voc07", "Average precision by class, PASCAL VOC 2007", "AP, VOC 2007")
_metric("class_ap_voc12", "Average precision by class, PASCAL VOC 2012", "AP, VOC 2012")

register(Quantity(name="train_loss", unit="", direction="minimize", title="Training loss",
                  short="training loss", source="training", digits=4))  # fmt: skip

COMPARED = ("params", "macs", "memory", "latency_ms", "energy_mj")
"""The costs by which networks are set side by side."""
