"""A network found on CamVid at half resolution: python -m tests.bench.camvid --data FOLDER [--minutes N]

`make evidence-cpu CAMVID=FOLDER MINUTES=N`. Three studies with one recipe: the search (`camvid-family`), random
search of as many trainings, and the published networks; then full trainings with three seeds, each judged once on the
test split; then the report. Every command can be killed and goes on; this one ends them after N minutes, and the same
command goes on; what has ended is carried as text in the folder of the evidence, from which another machine goes on.
`--plan` trains a few networks for seconds and says what the whole takes. `--dry` does all of it in
minutes on a few small images, for a test of the machinery: its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archspace.support.text_files import read_text
from archspace.support.yaml_text import dump_yaml, parse_yaml
from searches.config.study import parse_config, recipes
from tests.bench.carried import carry, lay_out
from tests.bench.pieces import Piece, Runner

STUDY = "camvid-family"
PUBLISHED = ("espnet-camvid", "enet", "fpenet")
SEEDS, EPOCHS = 3, 30
IMAGES, SIZE = 367, (184, 240)
DRY: Mapping[str, Any] = {
    "data": {"layout": "segnet", "input_size": [48, 64], "train": 8, "val": 4}, "trials": 2,
    "constraints": {}, "training": {"epochs": 1, "batch": 4},
}  # fmt: skip


def studies(dry: bool) -> dict[str, dict[str, Any]]:
    """Returns the three studies by name, as plain data: they differ in what chooses the networks."""
    search = {**parse_yaml(study_text(), STUDY), **(DRY if dry else {})}
    trials = search["trials"]
    random = {**search, "name": f"{STUDY}-random", "sampler": {"name": "random"}, "judging": {}}
    published = {
        **search,
        "name": f"{STUDY}-published",
        "given": list(PUBLISHED),
        "trials": 0,
        "constraints": {},
    }
    published = {
        name: value for name, value in published.items() if name not in ("judging", "sampler", "space")
    }
    if dry:
        search = {
            **search,
            "judging": {"screen": {"candidates": 8}},
            "sampler": {"name": "screened", "startup": 1},
        }
    return {"search": {**search, "trials": trials}, "random": random, "published": published}


def study_text() -> str:
    """Returns the built-in study's file."""
    return recipes()[STUDY]


def pieces(folder: Path, data: Path, dry: bool) -> list[Piece]:
    """Returns all commands in the order in which they are worth running."""
    epochs, seeds = (1, 1) if dry else (EPOCHS, SEEDS)
    hours = {"search": 1.9, "random": 1.9, "published": 0.2}
    made = []
    for name in ("published", "search", "random"):
        study, out = str(folder / f"{name}.yaml"), str(folder / name)
        argv = ("archspace", "search", study, "--data", str(data), "--out", out)
        made.append(Piece(name=name, argv=argv, hours=hours[name]))

    def retrained(study: str, pick: str, seed: int, hours: float) -> Piece:
        argv = (
            "archspace",
            "retrain",
            str(folder / study),
            "--pick",
            pick,
            "--epochs",
            str(epochs),
            "--seed",
            str(seed),
        )
        return Piece(name=f"{study}-{pick}-{seed}", argv=argv, after=(study,), hours=hours)

    for seed in range(seeds):
        made.append(retrained("published", "given", seed, 0.7))
        made.append(retrained("search", "best", seed, 0.3))
        made.append(retrained("random", "best", seed, 0.3))
    front = retrained("search", "front", 0, 1.5)
    # The best is on the front: it is trained once, by the piece that comes first.
    return [*made, replace(front, after=(*front.after, "search-best-0"))]


def write_studies(folder: Path, dry: bool) -> None:
    """Writes the studies' files and refuses what cannot be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, study in studies(dry).items():
        text = dump_yaml(study)
        parse_config(parse_yaml(text, name))
        path = folder / f"{name}.yaml"
        if path.is_file() and read_text(path, str(path)) != text:
            raise SystemExit(f"{path}: another study is under way in this folder: give another --runs")
        path.write_text(text, encoding="utf-8")


def plan() -> None:
    """Trains a few networks on 24 made images and says what an image of each costs, and what the whole comes to."""
    import numpy as np
    import torch

    from archspace.build import build
    from archspace.presets import preset
    from searches.config.recipe import Recipe
    from searches.data.dataset import Split
    from searches.data.splits import VOID
    from searches.tasks.table import task_of
    from searches.training.loop import fit

    torch.set_num_threads(1)
    rng, n = np.random.default_rng(0), 24
    images = rng.integers(0, 256, (n, *SIZE, 3)).astype(np.uint8)
    masks = rng.integers(0, 11, (n, *SIZE)).astype(np.uint8)
    split = Split(
        images=images, targets=masks, names=tuple(map(str, range(n))), classes=tuple("abcdefghijk"), void=VOID
    )
    task = task_of("segmentation", split, split)
    recipe = Recipe.model_validate({**parse_yaml(study_text(), STUDY)["training"], "epochs": 1})
    total, device = 0.0, torch.device("cpu")
    for name in PUBLISHED:
        network = build(preset(name).spec.replace(classes=11, input_size=SIZE))
        fit(network, task, recipe, seed=0, device=device)
        start = time.process_time()
        fit(network, task, recipe, seed=1, device=device)
        each = (time.process_time() - start) / n
        hours = each * IMAGES * EPOCHS * SEEDS / 3600
        total += hours
        print(
            f"{name:<14} {1e3 * each:6.1f} CPU ms an image; {SEEDS} x {EPOCHS} epochs: {hours:.1f} CPU hours",
            flush=True,
        )
    found = total / len(PUBLISHED)
    trials = parse_yaml(study_text(), STUDY)
    search = found / (EPOCHS * SEEDS) * trials["training"]["epochs"] * trials["trials"]
    print(
        f"{trials['trials']} networks searched, at these costs in the mean: {search:.1f} CPU hours; at random as much"
    )
    whole = total + 2 * search + 2 * found + 5 * found / SEEDS
    print(
        f"with the best of both and a front of five retrained: {whole:.1f} CPU hours; half on the clock of two cores"
    )


def main() -> None:
    """Runs what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="CamVid in SegNet layout")
    parser.add_argument("--runs", type=Path, default=Path("runs/camvid-family"))
    parser.add_argument("--out", type=Path, default=Path("docs/evidence/camvid"))
    parser.add_argument("--minutes", type=float, help="then pause; to the end if left out")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--plan", action="store_true")
    words = parser.parse_args()
    if words.plan:
        plan()
        return
    if words.data is None or not (words.data / "train").is_dir():
        raise SystemExit(
            f"--data: {words.data}: must be CamVid's folder, with train, trainannot, val, valannot, test, testannot"
        )
    runs, data, kept = words.runs.resolve(), words.data.resolve(), words.out / "runs"
    places = {"FOLDER-OF-THE-RUNS": runs, "FOLDER-OF-CAMVID": data}
    if lay_out(kept, runs, places):
        print(f"goes on with what {kept} holds")
    write_studies(runs, words.dry)
    runner = Runner(pieces(runs, data, words.dry), runs, words.processes, words.minutes)
    left = runner.left()
    hours = sum(one.hours for one in left)
    print(
        f"{len(left)} of {len(runner.pieces)} commands left, about {0 if words.dry else hours:.1f} CPU hours"
    )
    done = runner.run()
    carry(runs, kept, places)
    from tests.bench.camvid_report import report

    report(runs, words.out, runner.known())
    if runner.failed:
        raise SystemExit(1)
    print("all done" if done else "paused; to go on: the same command")


if __name__ == "__main__":
    main()
