"""A retrained network judged once, on the split on which nothing was chosen, and measured as it will be deployed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis.devices.base import DeviceAway
from analysis.quantities import QUANTITIES
from analysis.store.fingerprint import read_fingerprint
from analysis.store.records import Measurement
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from archspace.support.text_files import read_json
from searches.config.study import StudyConfig
from searches.config.training import TrainConfig
from searches.data.dataset import Split
from searches.data.fingerprint import fingerprint_of
from searches.data.kept import refuse_other_data
from searches.data.opening import AnySource, TextSource
from searches.data.text import STRETCH, TextSplit, seen_stretches
from searches.study.measuring import measure_deployed
from searches.tasks.table import TASKS, task_of
from searches.training.data import source_of

log = logging.getLogger(__name__)

EVALUATION_FILE = "evaluation.json"
"""What the network came to on its split, as ``archspace evaluate --json`` has it, and why that split."""

FEW = 0.01
"""A test split may share so much with train or val, as public data sets do by a few stray copies; that is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a network came to.

    Attributes:
        metric: the task's metric.
        split: on which it was judged.
        images: so many; of a text, tokens.
        counts: ``images`` or ``tokens``.
        reason: why it was not the test split; ``None`` where it was.
    """

    metric: Measurement
    split: str
    images: int
    counts: str
    reason: str | None


def check_data(run: Path, config: TrainConfig) -> None:
    """Refuses data that are not those of the study: its values and those of full training stand side by side.

    Args:
        run: the study's run folder.
        config: of the training.

    Raises:
        InputError: they differ; the message says in what.
    """
    held = read_fingerprint(run, items=True)
    if held is None:  # of an earlier archspace
        return
    spec = ArchSpec.from_dict(dict(config.spec))  # type: ignore[arg-type]
    names = [name for name in ("train", "val") if name in held.splits]
    sources = {name: source_of(config.data, spec, name) for name in names}
    refuse_other_data(
        str(run), held, fingerprint_of(sources, config.data.name), "; --data says where they are"
    )


def why_not_test(config: TrainConfig) -> str | None:
    """Returns the reason why the validation split will judge the networks, or None where a test split does.

    Raises:
        FieldError: there is one, and the validation split is learned from: no other are left.
    """
    _, reason = _unseen(config, ArchSpec.from_dict(dict(config.spec)))  # type: ignore[arg-type]
    if config.data.use_val and reason is not None:
        rule = f"nothing would be left to judge the network on: {reason}"
        raise FieldError("--use-val", None, rule, "leave it out")
    return reason


def judged(folder: Path, config: TrainConfig, network: Network) -> Judged:
    """Returns what a trained network comes to on the test split, or on val where there is none.

    A second call reads what the first one wrote: the test split is used once, and for nothing but this number.

    Raises:
        InputError: the data are gone, or do not fit the network.
    """
    path = folder / EVALUATION_FILE
    if not path.is_file():
        write_text(path, json.dumps(_evaluated(config, network), indent=1) + "\n")
    data = read_json(path)
    name = data["metric"]
    value = float("nan") if data[name] is None else float(data[name])
    how = {"training": str(folder), **{k: v for k, v in data.items() if k not in ("metric", name)}}
    metric = Measurement(name, value, QUANTITIES[name].unit, "measured", how)
    counts = next(name for name in ("images", "tokens") if name in data)
    return Judged(
        metric=metric, split=data["split"], images=int(data[counts]), counts=counts, reason=data["not_test"]
    )


def _evaluated(config: TrainConfig, network: Network) -> dict[str, Any]:
    spec = network.spec
    test, reason = _unseen(config, spec)
    split, one = "test", test
    value = None if one is None else _evaluation(config, network, one)
    if one is not None and value is not None and value.value != value.value:
        one, reason = None, "the test split has no labels that count"
    if one is None or value is None:
        split, one = "val", source_of(config.data, spec, "val", config.data.crop).split
        value = _evaluation(config, network, one)
    source = source_of(config.data, spec, split, config.data.crop)
    shown = (
        {} if isinstance(one, TextSplit) else {"input_size": list(spec.input_size), "crop": config.data.crop}
    )
    return {
        "network": spec.label, "arch_id": spec.arch_id, "task": spec.task, "layout": config.data.layout,
        "split": split, TASKS[spec.task].counts: len(one), **shown,
        "data": fingerprint_of({split: source}, config.data.name).record_of(split), "metric": value.metric,
        "not_test": reason, "origin": "measured", "device": config.device, "torch": torch.__version__,
        **value.to_dict(),
    }  # fmt: skip


def _evaluation(config: TrainConfig, network: Network, split: Split | TextSplit) -> Any:
    spec = network.spec
    if network.preprocessing is None and isinstance(split, Split):
        raise InputError(f"{spec.label}: does not say how images become its input")
    device = torch.device(config.device)
    task = task_of(spec.task, split, split, network.preprocessing)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    evaluation = task.evaluate(network, split, device)
    network.cpu()
    return evaluation


def _unseen(config: TrainConfig, spec: ArchSpec) -> tuple[Split | TextSplit | None, str | None]:
    """The test split, or why there is none on which nothing was chosen or learned."""
    data = config.data
    try:
        test = source_of(data, spec, "test", data.crop)
        split = test.split
    except InputError as error:
        if isinstance(error, FieldError) and error.field == "data.root":
            raise
        return None, f"no test split can be used ({error})"
    text = isinstance(split, TextSplit)
    of, what = (len(split) // STRETCH, "stretches of words") if text else (len(split), "images")
    for name, use in (("train", "learned"), ("val", "chosen")):
        seen = seen_in(test, source_of(data, spec, name, data.crop))
        if len(seen) > FEW * of:
            return None, f"the test split has {len(seen)} {what} by which was {use} already ({min(seen)})"
        if seen:
            log.warning("%d of %d %s of test are in %s too (%s)", len(seen), of, what, name, min(seen))
    return split, None


def seen_in(test: AnySource, other: AnySource) -> list[str]:
    """Returns the names of the images of ``test`` that are in another split too, whatever they are called there.

    Files of one name in two folders are two images; a copy under another name is the same one. A text is looked at in
    stretches of words.
    """
    if isinstance(test, TextSource) or isinstance(other, TextSource):
        assert isinstance(test, TextSource) and isinstance(other, TextSource), "one data set"
        return seen_stretches(test.split, other.split)
    ours, theirs = test.fingerprint().items, other.fingerprint().items
    if ours is None or theirs is None:  # drawn by archspace: a name is drawn once
        return sorted(set(test.split.names) & set(other.split.names))
    known = set(theirs.images)
    return [name for name, image in zip(ours.names, ours.images, strict=True) if image in known]


def measured_deployed(
    run: Path, study: StudyConfig, network: Network, on_progress: Callable[[str], None]
) -> dict[str, Measurement]:
    """Returns what the study's device says of a network, in the form in which the study measures; fresh.

    It is the one place where a retrained network is measured. Empty for a study that asks for nothing of a device.

    Raises:
        DeviceAway: the device was away for as long as the study waits.
        InputError: the device cannot say what the study asks for.
    """
    if not study.asked_of_device:
        return {}
    return measure_deployed(network, study, run, on_progress=lambda what, _: on_progress(what))


def measured_or_reason(
    run: Path, study: StudyConfig, network: Network, on_progress: Callable[[str], None]
) -> tuple[dict[str, Measurement], str | None]:
    """Returns what :func:`measured_deployed` says, or why it says nothing: a trained network is not lost for that."""
    try:
        return measured_deployed(run, study, network, on_progress), None
    except (DeviceAway, InputError) as error:
        log.warning("%s: not measured: %s", study.measure.device, error)
        return {}, f"not measured: {error}"
