"""How fast images reach the network, beside a plain PyTorch loop on the same files: ``make bench``.

The plain loop is what training scripts do: a ``DataLoader`` with worker processes that decode with PIL, crop, mirror
and normalise image by image. Ours decodes once into the memory-mapped cache (its time is printed apart) and changes
whole batches on the device. Rounds alternate in one process; medians are printed. Two kinds of rounds: loading alone,
and training with it, where the share of time that the step waits for data is what matters.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from archspace.build import build
from archspace.presets import preset
from searches.config.recipe import Stage
from searches.data.augment import Augmentation
from searches.data.dataset import load_split
from searches.data.statistics import statistics as image_statistics
from searches.tasks.table import make_task
from searches.training.prefetch import prefetch
from searches.training.steps import Stepper


@dataclass(frozen=True)
class Case:
    """A network, the files that it reads, and how many images a round has."""

    name: str
    preset: str
    layout: str
    file_size: tuple[int, int]
    cached_size: tuple[int, int]
    size: tuple[int, int]
    batch: int
    stage: Stage


CASES = (
    Case("ESPNet 360 x 480", "espnet-camvid", "segnet", (720, 960), (360, 480), (360, 480), 4,
         Stage(zoom=(0.8, 1.25), flip=True, class_weights=False)),
    Case("ESPNetv2 224 x 224", "espnetv2-0.5", "imagefolder", (375, 500), (256, 256), (224, 224), 16,
         Stage(area=(0.2, 1.0), flip=True, input_size=(224, 224))),
)  # fmt: skip


def write_files(case: Case, root: Path, images: int) -> None:
    """Photograph-like files: smooth colours, edges and noise, as JPEG; masks as PNG."""
    rng = np.random.default_rng(0)
    height, width = case.file_size
    for i in range(images):
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(picture).astype(np.int16) + rng.integers(-12, 13, (height, width, 3))
        picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        for split in ("train", "val"):
            if case.layout == "segnet":
                folder, masks = root / split, root / f"{split}annot"
                masks.mkdir(parents=True, exist_ok=True)
                labels = Image.fromarray(rng.integers(0, 11, (9, 12), dtype=np.uint8))
                labels.resize((width, height), Image.Resampling.NEAREST).save(masks / f"{i}.png")
            else:
                folder = root / split / f"class{i % 4}"
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{i}.jpg", quality=90)
            if i >= 4 and split == "train":
                break


class Files(Dataset[tuple[Tensor, Tensor]]):
    """One file an item: decoded, cropped at random, mirrored and normalised on the CPU."""

    def __init__(self, case: Case, root: Path) -> None:
        self.case, self.paths = case, sorted((root / "train").rglob("*.jpg"))
        self.root = root

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(i)
        path, (height, width) = self.paths[i], self.case.size
        image = Image.open(path).convert("RGB")
        share = np.sqrt(rng.uniform(*(self.case.stage.area or (0.64, 1.0))))
        w, h = int(image.width * share), int(image.height * share)
        left, top = int(rng.integers(0, image.width - w + 1)), int(rng.integers(0, image.height - h + 1))
        box = (left, top, left + w, top + h)
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
        mirrored = rng.random() < 0.5
        pixels = np.asarray(image)[:, ::-1] if mirrored else np.asarray(image)
        planes = torch.from_numpy(((pixels / 255.0 - 0.45) / 0.225).transpose(2, 0, 1).astype(np.float32))
        if self.case.layout != "segnet":
            return planes, torch.tensor(i % 4)
        mask = Image.open(self.root / "trainannot" / f"{path.stem}.png")
        labels = np.asarray(mask.resize((width, height), Image.Resampling.NEAREST, box=box))
        return planes, torch.from_numpy((labels[:, ::-1] if mirrored else labels).astype(np.int64))


Round = Callable[[], Iterator[tuple[Tensor, Tensor, float]]]


def rounds(case: Case, root: Path, workers: int) -> tuple[Round, Round, float]:
    """A plain and our way through all training files, and the seconds of decoding once."""
    spec = preset(case.preset).spec
    start = time.perf_counter()
    splits = [
        load_split(case.layout, name, root=root, input_size=case.cached_size, task=spec.task)
        for name in ("train", "val")
    ]
    decoding = time.perf_counter() - start
    task = make_task(spec.task, *splits, image_statistics(splits[0]))
    augmentation = Augmentation(flip=True, area=case.stage.area, zoom=case.stage.zoom)

    def plain() -> Iterator[tuple[Tensor, Tensor, float]]:
        loader = DataLoader(Files(case, root), case.batch, shuffle=True, num_workers=workers, drop_last=True)
        items, before = iter(loader), time.perf_counter()
        for images, target in items:
            yield images.contiguous(memory_format=torch.channels_last), target, time.perf_counter() - before
            before = time.perf_counter()

    def ours() -> Iterator[tuple[Tensor, Tensor, float]]:
        rng = np.random.default_rng(0)
        jobs = [
            (index, case.size)
            for index in task.order(case.stage.model_copy(update={"batch": case.batch}), rng)
        ]
        for prefetched in prefetch(task, jobs):
            begin = time.perf_counter()
            batch = task.prepare(prefetched.raw, prefetched.size, augmentation, rng, torch.device("cpu"))
            yield batch.inputs, batch.target, prefetched.waited + time.perf_counter() - begin

    return plain, ours, decoding


def trained(way: Round, stepper: Stepper) -> tuple[float, float]:
    """Images a second and the share of time spent on data, over one round of training."""
    task, stage = stepper.task, stepper.stage
    start, images, waited = time.perf_counter(), 0, 0.0
    for inputs, target, wait in way():
        stepper.optimizer.zero_grad(set_to_none=True)
        task.loss(stepper.network(inputs), target, stage).backward()  # type: ignore[no-untyped-call]
        stepper.optimizer.step()
        images, waited = images + len(inputs), waited + wait
    seconds = time.perf_counter() - start
    return images / seconds, waited / seconds


def loaded(way: Round) -> float:
    """Images a second, over one round of loading alone."""
    start, images = time.perf_counter(), 0
    for inputs, _, _ in way():
        images += len(inputs)
    return images / (time.perf_counter() - start)


def network_of(case: Case) -> nn.Module:
    """The case's network, for its data's classes."""
    return build(preset(case.preset).spec)


def main() -> None:
    """Prints a line a case and kind of round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            os.environ["ARCHSPACE_CACHE"] = str(root / "cache")
            write_files(case, root, chosen.images)
            plain, ours, decoding = rounds(case, root, chosen.workers)
            spec = preset(case.preset).spec
            split = load_split(case.layout, "train", root=root, input_size=case.cached_size, task=spec.task)
            task = make_task(spec.task, split, split, image_statistics(split))
            stepper = Stepper(network_of(case), task, case.stage, torch.device("cpu"), None)
            stepper.train()
            loads: dict[str, list[float]] = {"plain": [], "ours": []}
            trains: dict[str, list[tuple[float, float]]] = {"plain": [], "ours": []}
            for number in range(chosen.rounds + 1):
                for label, way in (("plain", plain), ("ours", ours)):
                    load, train = loaded(way), trained(way, stepper)
                    if number:
                        loads[label].append(load)
                        trains[label].append(train)
        a, b = (statistics.median(loads[label]) for label in ("plain", "ours"))
        print(f"{case.name}: decoded once in {decoding:.1f} s for {chosen.images} images")
        theirs = f"plain loop with {chosen.workers} workers {a:.0f}"
        print(f"  loading alone: ours {b:.0f} images/s, {theirs}: ratio {b / a:.1f}")
        for label in ("ours", "plain"):
            speed, share = (statistics.median(column) for column in zip(*trains[label], strict=True))
            print(f"  training, {label}: {speed:.1f} images/s, {100 * share:.1f} % of the time for data")


if __name__ == "__main__":
    main()
