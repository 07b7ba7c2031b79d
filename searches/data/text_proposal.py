"""A study for a text that has been looked at, as commented YAML, and the look in words. Sized for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archspace.support.errors import FieldError, InputError
from searches.config.errors import folder_name
from searches.data.proposal import quoted
from searches.data.text import UNKNOWN, TextSplit, load_text, text_files

SHARE = 0.1
"""Of train's lines, for each split that there is not."""
MOST_TRAIN, MOST_VAL, MOST_WORDS = 60_000, 20_000, 2000
TOKENS_SEEN = 180_000
"""So many tokens a trial learns from in all its epochs, roughly: half a minute to a minute on one core."""
EPOCHS = (3, 20)
STREAMS, WINDOW = 20, 35
LEAST_TRAIN = 100
"""Tokens below which nothing is proposed."""

SPACE = """\
space:
  network: eru
  width: {choices: [0.1, 0.2, 0.3, 0.4]}   # hidden size: 64, 128, 192, 256
  channels: {choices: [64, 96, 128]}       # width of the words' embedding
  alphas: {low: 2, high: 3}                # layers
  branches: {choices: [2, 4, 8]}
  fusion: {choices: [hff, none]}
  residual: {choices: [true, false]}
  pointwise_kernel: {choices: [1, 3]}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLook:
    """What a text holds.

    Attributes:
        root: a folder, or one file.
        splits: what the study says of them: files read in another's place, and shares of train.
        texts: split -> its tokens, all words told apart.
    """

    root: Path
    splits: Mapping[str, str | float]
    texts: Mapping[str, TextSplit]

    @property
    def words(self) -> int:
        """Words of train."""
        return len(self.texts["train"].vocabulary)

    @property
    def vocabulary(self) -> int | None:
        """How many the study tells apart; ``None`` for all."""
        return MOST_WORDS if self.words > MOST_WORDS else None

    def unknown(self, split: str) -> float:
        """Share of a split's tokens that the study does not tell apart, between 0 and 1."""
        text = self.texts[split]
        kept = text.vocabulary[: MOST_WORDS if self.vocabulary is None else self.vocabulary - 1]
        known = np.zeros(self.words, bool)
        known[: len(kept)] = True
        known[text.vocabulary.index(UNKNOWN)] = False
        return 1.0 - float(known[text.tokens].mean())


def is_text(root: Path) -> bool:
    """Returns whether a folder or file is a text, seen from the names."""
    return bool(text_files(root.expanduser()))


def look_at_text(root: Path, task: str | None = None) -> TextLook:
    """Returns what a text holds.

    Args:
        root: a folder, or one file.
        task: the one that it is looked at for.

    Raises:
        InputError: it cannot be read, is too short, or is looked at for another task.
    """
    root = root.expanduser()
    if task not in (None, "language"):
        raise FieldError("--task", task, f"{root} is text", "language")
    found = text_files(root)
    splits: dict[str, str | float] = {}
    if "train" not in found:
        splits["train"] = "valid" if "val" in found else "test"
    if "val" not in found or "train" not in found:
        splits["val"] = SHARE
    if "test" not in found or splits.get("train") == "test":
        splits["test"] = SHARE
    texts = {name: load_text(root, name, splits=splits) for name in ("train", "val", "test")}
    if len(texts["train"]) < LEAST_TRAIN:
        rule = f"has {len(texts['train'])} tokens to train on; a study needs {LEAST_TRAIN}"
        raise InputError(f"--data: {root}: {rule}")
    return TextLook(root=root, splits=splits, texts=texts)


def text_lines(look: TextLook) -> list[str]:
    """Returns the look in words, a line a fact."""
    tokens = ", ".join(f"{len(text):,} {name} ({text.name})" for name, text in look.texts.items())
    said = [f"{look.root}: text, for language", f"tokens: {tokens}"]
    said.append(f"vocabulary: {look.words:,} words of train, {UNKNOWN} and the ends of lines among them")
    if look.vocabulary is not None:
        share = f"{100 * look.unknown('val'):.0f} % of val's tokens are then {UNKNOWN}"
        said.append(f"the study tells the {look.vocabulary:,} most frequent apart: {share}")
    return said


def text_study(look: TextLook) -> str:
    """Returns the study as YAML with comments."""
    train, val = len(look.texts["train"]), len(look.texts["val"])
    used = min(train, MOST_TRAIN)
    streams = max(1, min(STREAMS, used // (4 * WINDOW)))
    epochs = max(EPOCHS[0], min(EPOCHS[1], round(TOKENS_SEEN / used)))
    resolved = look.root.resolve()
    name = folder_name(resolved.stem if resolved.is_file() else resolved.name) or "own"
    splits = ", ".join(f"{split}: {one}" for split, one in look.splits.items())
    return "".join((
        "# Written by 'archspace init --data' from what the text holds; every line may be changed.\n",
        f"name: {name}\n",
        "task: language\n",
        "data:\n",
        "  layout: text\n",
        f"  root: {quoted(str(resolved))}\n",
        f"  splits: {{{splits}}}   # a split's file, or its share of train's lines\n" if splits else "",
        f"  train: {MOST_TRAIN}   # tokens of {train}; retrain takes all\n" if train > MOST_TRAIN else "",
        f"  val: {MOST_VAL}   # tokens of {val}\n" if val > MOST_VAL else "",
        "" if look.vocabulary is None else
        f"  vocabulary: {look.vocabulary}   # of {look.words} words; the others are {UNKNOWN}\n",
        "# A plain value fixes a field; choices, or low and high, free it.\n",
        SPACE,
        "objectives: [perplexity, macs]   # up to three, less is better in both; MACs are of a window of tokens\n",
        "sampler: {cheapest_first: true}\n",
        "trials: 16\n",
        "seed: 0\n",
        f"training: {{epochs: {epochs}, batch: {streams}, window: {WINDOW}, optimizer: sgd, momentum: 0.0, lr: 20.0, "
        "weight_decay: 1.2e-6,\n",
        "  clip: 0.25, schedule: cosine, warmup: 0.0, channels_last: false}   # batch: streams of text\n",
        "device: cpu\n",
        "threads: 1   # of each worker\n",
        "workers: auto   # one for each core; with 1 a study repeats exactly\n",
    ))  # fmt: skip
