"""Networks judged by the weights that they inherit from a supernet, and taken out of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis.quantities import QUANTITIES
from analysis.store.fingerprint import DataFingerprint, read_fingerprint
from analysis.store.records import Measurement
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from searches.config.study import StudyConfig
from searches.data.kept import refuse_other_data
from searches.data.opening import AnySource
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.space import SearchSpace
from searches.supernet.config import SupernetConfig, read_supernet
from searches.supernet.covering import check_covered, lacking
from searches.supernet.expected import Expected
from searches.supernet.files import load_shared
from searches.supernet.norms import estimate_norms
from searches.supernet.subnets import Subnets
from searches.supernet.supernet import Supernet
from searches.supernet.weights import NotCovered
from searches.tasks.base import Evaluation, ImageTask, OnBatch, Task

log = logging.getLogger(__name__)

PREDICTOR = "inherited weights"
"""What a metric that was taken with a supernet's weights says of itself."""


JUDGE = "expected over the network's own probabilities"
"""How a metric that was taken with a supernet's weights was judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A network with inherited weights on the validation split.

    Attributes:
        network: on the CPU, in eval mode.
        evaluation: its answers, as of any network.
        expected: the metric that it is judged by, in percent: what ``evaluation`` would come to if each answer were
            drawn from the network's own probabilities (:mod:`searches.supernet.expected`).
    """

    network: Network
    evaluation: Evaluation
    expected: float


@dataclass(frozen=True, slots=True, eq=False)
class Heir:
    """A trained supernet and the data on which its networks are judged.

    Attributes:
        task: its data; norms are estimated on the training split, networks judged on the validation split.
        folder: where the supernet is kept.
    """

    supernet: Supernet
    config: SupernetConfig
    task: ImageTask
    folder: Path

    @classmethod
    def open(
        cls, folder: Path, data: Path | None = None, on: Callable[[Task], Task] = lambda task: task
    ) -> Heir:
        """Opens the supernet in a folder on its own data, or the same data at another place; sets torch's threads.

        Args:
            folder: where the supernet is kept.
            data: where its data are now.
            on: what is made of the task, where networks are to be judged otherwise than in a study.

        Raises:
            InputError: there is no supernet, it is not trained to the end, or the data are others.
        """
        config = read_supernet(folder)
        torch.set_num_threads(config.study.threads)
        if data is not None:
            study = config.study
            moved = study.data.model_copy(update={"root": data.expanduser().resolve()})
            config = config.model_copy(update={"study": study.model_copy(update={"data": moved})})
        sources = open_data(config.study)
        check_data(config, folder, sources)
        return cls.on(config, folder, of_images(on(task_on(config.study, sources))))

    @classmethod
    def on(cls, config: SupernetConfig, folder: Path, task: ImageTask) -> Heir:
        """Returns the supernet in a folder, to be judged on a task's data.

        Raises:
            InputError: it is not trained to the end, or cut off.
        """
        space = SearchSpace(config.study.space, fixed_fields(config.study, task))
        supernet, notes = load_shared(Subnets(space, config.study.seed), folder)
        wanted = sum(stage.epochs for stage in config.study.training.plan())
        if notes.get("epochs") != wanted:
            raise InputError(
                f"{folder}: is not trained to the end; to go on: archspace supernet train {folder}"
            )
        return cls(supernet, config, task, folder)

    @property
    def fixed(self) -> Mapping[str, Any]:
        """Fields of every network of the supernet that its task and data give."""
        return fixed_fields(self.config.study, self.task)

    def network(self, spec: ArchSpec) -> Network:
        """Returns an ordinary network with inherited weights, its norms estimated anew, in eval mode.

        Raises:
            InputError: the network is not one of the supernet's space.
        """
        for name, value in self.fixed.items():
            own = getattr(spec, name)
            if (list(own) if isinstance(own, tuple) else own) != value:
                raise FieldError(name, own, f"{self.folder} is a supernet for another value", value)
        network = self.supernet.network(spec)
        estimate_norms(
            network, self.task, self.config.norm_images, torch.device(self.config.study.device),
            self.config.study.training.plan()[-1].last_size,
        )  # fmt: skip
        network.preprocessing, network.class_names = self.task.preprocessing, self.task.class_names
        return network

    def judged(self, spec: ArchSpec, on_batch: OnBatch = lambda items: None) -> Judgement:
        """Returns what a network with inherited weights comes to on the validation split."""
        network = self.network(spec)
        device = torch.device(self.config.study.device)
        size = self.config.study.training.plan()[-1].last_size
        expected = Expected(self.task, self.task.val)

        def judge(images: int) -> None:
            expected.on_batch(images)
            on_batch(images)

        with expected.of(network):
            evaluation = self.task.evaluate(network, self.task.val, device, size=size, on_batch=judge)
        return Judgement(network.cpu().eval(), evaluation, expected.value)

    def asked_for(self, spec: ArchSpec, on_batch: OnBatch = lambda items: None) -> Judgement:
        """Returns what :meth:`judged` does, of a network that a person or a study names.

        Raises:
            InputError: the network is outside the supernet's space; the message has the field.
        """
        try:
            return self.judged(spec, on_batch)
        except NotCovered as error:
            raise lacking(spec, self.folder) or error from None

    def of_space(self, specs: Iterable[ArchSpec]) -> set[str]:
        """Returns the ids of those networks that are of the supernet's space."""
        known = self.supernet.subnets.enumerated
        if known is None:
            return {spec.arch_id for spec in specs if lacking(spec, self.folder) is None}
        return {spec.arch_id for spec in specs} & {one.spec.arch_id for one in known}

    def how(self) -> dict[str, Any]:
        """Returns what a metric says of the supernet that it was taken with."""
        return {"predictor": PREDICTOR, "supernet": str(self.folder), "norm_images": self.config.norm_images}

    def notes(self) -> dict[str, Any]:
        """Returns what a checkpoint with inherited weights says of itself."""
        crop = self.config.study.data.crop
        record = read_fingerprint(self.folder)
        data = (
            None
            if record is None
            else record.record({"train": len(self.task.train), "val": len(self.task.val)})
        )
        return {**self.how(), "data": data, **({} if crop == "squash" else {"crop": crop})}

    def measurement(self, judged: Judgement, more: Mapping[str, Any]) -> Measurement:
        """Returns the metric as a record: a prediction of what training would come to, never a trained value."""
        how = {
            **self.how(), "judge": JUDGE, "evaluated": judged.evaluation.to_dict(), **more, "torch": torch.__version__,
        }  # fmt: skip
        unit = QUANTITIES[self.task.metric].unit
        return Measurement(self.task.metric, judged.expected, unit, "predicted", how)


def heir_of(study: StudyConfig, task: Task, data: DataFingerprint, given: Sequence[ArchSpec]) -> Heir | None:
    """Returns what judges the networks of a study by inherited weights, or ``None`` where they are trained.

    Args:
        task, data: the study's.
        given: networks that it does not sample.

    Raises:
        InputError: the supernet does not cover the space or a given network, is not trained to the end, or was
            trained on other data; the message has the field.
    """
    folder = study.judging.supernet
    if folder is None:
        return None
    check_covered(study, folder)
    held = read_fingerprint(folder, items=True)
    if held is not None:
        refuse_other_data(str(folder), held, data, "; or train another supernet")
    heir = Heir.on(read_supernet(folder), folder, of_images(task))
    for spec in given:
        try:
            heir.supernet.places(spec)
        except NotCovered as error:
            rule = f"the supernet {folder} does not cover it ({error})"
            raise FieldError("given", spec.label, rule) from None
    return heir


def check_data(config: SupernetConfig, folder: Path, sources: Mapping[str, AnySource]) -> None:
    """Refuses data that are not those that a supernet was trained on."""
    held = read_fingerprint(folder, items=True)
    if held is not None:
        now = fingerprinted(config.study, sources)
        refuse_other_data(str(folder), held, now, "; --data says where they are")


def of_images(task: Task) -> ImageTask:
    """Returns a supernet's task as one on images, as all of :data:`searches.supernet.config.TASKS` are."""
    assert isinstance(task, ImageTask)
    return task
