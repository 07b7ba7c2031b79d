"""CamVid at full size on a borrowed GPU: python -m tests.bench.camvid_gpu --data camvid.pack --out FOLDER --minutes 8.5

`make evidence-gpu`. The trainings of RUNS, the most valuable first, each with the data on the GPU and a step as one
graph. It pauses after the minutes given, with its state in the output folder, and the same command goes on; a training
that has ended is judged on the test split, once. Needs torch, NumPy, Pillow, PyYAML and safetensors, no network.

`--pack CAMVID` writes the data as one file of less than 50 MB that a GPU machine can be given: masks compressed, the
test pictures as they are, those to learn from as progressive JPEGs of the same tables (a tenth of a grey level off in
the mean). `--dry` trains networks on a few made images on a CPU, in seconds: a test of the machinery.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from analysis.metrics.confusion import Confusion
from archspace.build import build
from archspace.checkpoint import save
from archspace.class_names import CAMVID
from archspace.preprocessing import Preprocessing
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from searches.data.splits import VOID
from tests.bench.resident import Plan, Resident, Trainer, confusion

SPLITS = ("train", "val", "test")
CAMVID_VOID = 11
SIZE = (360, 480)
WARM = 0.5
"""Minutes kept for judging and writing."""


@dataclass(frozen=True, slots=True)
class Run:
    """A training: a network, a seed, and the splits that it learns from."""

    network: str
    seed: int
    splits: tuple[str, ...] = ("train", "val")

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{Path(self.network).stem}-{''.join(self.splits)}-seed{self.seed}"


def runs(found: list[Path]) -> list[Run]:
    """Returns all trainings, the most valuable first: one of each network, more seeds, those on train alone."""
    networks = ["fpenet", "enet", "espnet-camvid", *map(str, found)]
    listed = [Run(network, 0) for network in networks]
    listed += [Run(network, seed) for seed in (1, 2) for network in reversed(networks)]
    listed += [Run(network, seed, ("train",)) for seed in (0, 1, 2) for network in reversed(networks)]
    return [*listed, Run("fpenet-b", 0), Run("dabnet", 0)]


def spec_of(network: str, classes: int, size: tuple[int, int]) -> ArchSpec:
    """Returns a preset's spec, or that of a file, for these data."""
    spec = ArchSpec.read(Path(network)) if Path(network).is_file() else preset(network).spec
    return spec.replace(classes=classes, input_size=size)


def pack(camvid: Path, file: Path) -> None:
    """Writes the three splits as one file."""
    parts: dict[str, Any] = {}
    for split in SPLITS:
        pictures = sorted(path for path in (camvid / split).iterdir() if path.suffix in (".jpg", ".png"))
        masks = [np.asarray(Image.open(camvid / f"{split}annot" / f"{one.stem}.png")) for one in pictures]
        content = [one.read_bytes() if split == "test" else smaller(one) for one in pictures]
        parts[f"{split}_ends"] = np.cumsum([len(one) for one in content])
        parts[f"{split}_pictures"] = np.frombuffer(b"".join(content), np.uint8)
        stacked = np.stack(masks).astype(np.uint8)
        parts[f"{split}_masks"] = np.frombuffer(lzma.compress(stacked.tobytes()), np.uint8)
        parts[f"{split}_shape"] = np.array(stacked.shape)
    with file.open("wb") as out:
        np.savez(out, **parts)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def smaller(picture: Path) -> bytes:
    """Returns a JPEG as a progressive one of the same quantisation; another picture as it is."""
    image = Image.open(picture)
    if image.format != "JPEG":
        return picture.read_bytes()
    content = io.BytesIO()
    image.save(content, "JPEG", quality="keep", optimize=True, progressive=True)
    return content.getvalue()


def unpacked(file: Path, split: str) -> tuple[Tensor, Tensor]:
    """Returns images (N, 3, H, W) and labels (N, H, W) of a split, as bytes."""
    with np.load(file) as parts:
        ends, content = parts[f"{split}_ends"], parts[f"{split}_pictures"].tobytes()
        masks = np.frombuffer(lzma.decompress(parts[f"{split}_masks"].tobytes()), np.uint8)
        labels = masks.reshape(parts[f"{split}_shape"]).copy()
    labels[labels == CAMVID_VOID] = VOID
    starts = [0, *ends[:-1]]
    images = [
        np.asarray(Image.open(io.BytesIO(content[a:b])).convert("RGB"))
        for a, b in zip(starts, ends, strict=True)
    ]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)


def made(split: str, size: tuple[int, int] = (32, 48), n: int = 6) -> tuple[Tensor, Tensor]:
    """Returns images whose red says the class, for a dry run."""
    generator = torch.Generator().manual_seed(SPLITS.index(split))
    labels = torch.randint(0, 11, (n, size[0] // 8, size[1] // 8), generator=generator)
    labels = labels.repeat_interleave(8, 1).repeat_interleave(8, 2)
    images = torch.randint(0, 256, (n, 3, *size), generator=generator)
    images[:, 0] = labels * 23
    return images.to(torch.uint8), labels.to(torch.uint8)


class Shop:
    """Where trainings are kept, and the data that they share on one device."""

    def __init__(self, out: Path, data: Path | None, device: torch.device, plan: Plan) -> None:
        self.out, self.data, self.device, self.plan = out, data, device, plan
        self.splits: dict[str, tuple[Tensor, Tensor]] = {}
        out.mkdir(parents=True, exist_ok=True)

    def resident(self, names: tuple[str, ...]) -> Resident:
        """Returns splits together, on the device."""
        for name in names:
            if name not in self.splits:
                images, labels = made(name) if self.data is None else unpacked(self.data, name)
                self.splits[name] = images.to(self.device), labels.to(self.device)
        images, labels = (torch.cat([self.splits[name][i] for name in names]) for i in (0, 1))
        return Resident(images, labels, len(CAMVID))

    def done(self, run: Run) -> bool:
        """Whether a training has ended and was judged."""
        return (self.out / f"{run.name}.json").is_file()

    def go_on(self, run: Run, until: float) -> bool:
        """Trains until the end or the time; returns whether it has ended, and was judged then."""
        learned = self.resident(run.splits)
        size = (learned.images.shape[2], learned.images.shape[3])
        spec = spec_of(run.network, learned.classes, size)
        torch.manual_seed(run.seed)
        trainer = Trainer(build(spec), learned, replace(self.plan, seed=run.seed))
        state = self.out / f"{run.name}.state"
        if state.is_file():
            trainer.load(state)
        used: list[float] = []
        print(f"{run.name}: from epoch {trainer.epoch} of {trainer.plan.epochs}", flush=True)
        while trainer.epoch < trainer.plan.epochs:
            loss = trainer.run_epoch()
            if trainer.epoch % 50 == 0 or trainer.epoch == 1:
                used += gpu_share(self.device)
                print(f"  epoch {trainer.epoch}: loss {loss:.3f}, {speed(trainer):.0f} images/s", flush=True)
            if time.monotonic() > until:
                trainer.save(state)
                return False
        self.judge(run, trainer, learned, spec, used)
        state.unlink(missing_ok=True)
        return True

    def judge(self, run: Run, trainer: Trainer, learned: Resident, spec: ArchSpec, used: list[float]) -> None:
        """Judges the last weights on the test split and writes record and weights."""
        counts = confusion(trainer.network, learned, self.resident(("test",)))
        result = Confusion(counts[:-1].numpy(), counts[-1].numpy(), CAMVID)
        mean, std = ((one.flatten() / 255).tolist() for one in (learned.mean, learned.std))
        record = {
            "run": run.name, "network": spec.label, "arch_id": spec.arch_id, "spec": spec.to_dict(), "seed": run.seed,
            "trained_on": list(run.splits), "images": len(learned.images), "epochs": trainer.epoch,
            "batch": trainer.plan.batch, "judged": "test, once, last weights", "miou": result.miou,
            "miou_void_as_error": result.miou_void_as_error, "pixel_accuracy": result.accuracy,
            "class_iou": result.class_iou, "images_per_second": speed(trainer), "seconds": round(trainer.seconds, 1),
            "gpu_share_percent": used, "device": device_name(self.device), "torch": torch.__version__,
            "losses": trainer.losses,
        }  # fmt: skip
        network: Any = trainer.network.cpu()
        shown = Preprocessing(channel_order="rgb", mean=tuple(mean), std=tuple(std))
        save(network, self.out / f"{run.name}.safetensors", preprocessing=shown)
        (self.out / f"{run.name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        words = f"test mIoU {result.miou:.2f} ({result.miou_void_as_error:.2f} void as error)"
        print(
            f"{run.name}: {words}, {speed(trainer):.0f} images/s, GPU used {used or 'not known'}", flush=True
        )


def speed(trainer: Trainer) -> float:
    """Images a second over all epochs."""
    seen = trainer.epoch * trainer.steps_per_epoch * trainer.plan.batch
    return seen / max(trainer.seconds, 1e-9)


def device_name(device: torch.device) -> str:
    """The GPU's name, or that it was a CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def gpu_share(device: torch.device) -> list[float]:
    """The share of the last moment in which the GPU worked, in percent, as the driver says it; empty where unknown."""
    if device.type != "cuda":
        return []
    try:
        return [float(torch.cuda.utilization(device))]
    except (ModuleNotFoundError, RuntimeError):
        return []


def main() -> None:
    """Packs, or trains what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the packed data")
    parser.add_argument("--pack", type=Path, metavar="CAMVID", help="write --data from this folder, and end")
    parser.add_argument("--out", type=Path, default=Path("runs/camvid-gpu"))
    parser.add_argument("--found", type=Path, nargs="*", default=[], help="specs of found networks")
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--epochs", type=int, default=Plan.epochs)
    parser.add_argument("--only", help="runs whose name begins with this")
    parser.add_argument("--dry", action="store_true")
    words = parser.parse_args()
    start = time.monotonic()
    if not words.dry and words.data is None:
        raise SystemExit("--data: must be the packed data; --pack CAMVID --data FILE makes it")
    if words.pack is not None:
        pack(words.pack, words.data)
        return
    if not words.dry and not torch.cuda.is_available():
        raise SystemExit("no GPU here: --dry tries the machinery on a CPU")
    device = torch.device("cpu" if words.dry else "cuda")
    plan = Plan(epochs=2, batch=4) if words.dry else Plan(epochs=words.epochs)
    shop = Shop(words.out, None if words.dry else words.data, device, plan)
    listed = runs(words.found)[: 2 if words.dry else None]
    for run in (one for one in listed if one.name.startswith(words.only or "")):
        if shop.done(run):
            continue
        if not shop.go_on(run, start + 60 * (words.minutes - WARM)):
            print("paused; to go on: the same command")
            return
    print("all done")


if __name__ == "__main__":
    main()
