"""A study for a folder that has been looked at, as commented YAML, and the look in words. Sized for a CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence

from analysis.quantities import main_metric
from searches.config.errors import folder_name
from searches.data.looking import Look

STEP = 32
"""Networks halve their input up to five times."""
LONGEST = {"classification": 96, "multilabel": 128, "segmentation": 160, "detection": 192}
SHORTEST = {"detection": 128}
MOST_TRAIN, MOST_VAL = 2000, 500
PICTURES_SEEN = 3000
"""So many pictures a trial learns from in all its epochs, roughly: minutes on one core."""
EPOCHS = (4, 30)
LARGEST_BATCH = 16
SHOWN = 25
"""So many classes are named in words."""

SPACES = {
    "segmentation": """\
  network: {choices: [espnet-c, espnet, espnetv2]}
  unit: {choices: [esp, eesp, mobilenetv2, shufflenetv2]}
  width: {low: 0.25, high: 1.0, step: 0.25}
  alphas: {low: 0, high: 3, per_level: true}
""",
    "classification": """\
  network: espnetv2
  unit: {choices: [eesp, mobilenetv2, shufflenetv2]}
  width: {low: 0.25, high: 1.0, step: 0.25}
  alphas: {low: 0, high: 3, per_level: true}
""",
}
"""Space by task; those of the others are that of classification."""


def input_size(look: Look) -> tuple[int, int]:
    """Returns (H, W) of the networks' input: the pictures' median in their aspect, modest, in multiples of 32."""
    height, width = look.height[1], look.width[1]
    longest = max(height, width)
    scale = min(1.0, LONGEST[look.task] / longest)
    smallest = SHORTEST.get(look.task, STEP)

    def side(pixels: int) -> int:
        return max(smallest, round(pixels * scale / STEP) * STEP)

    return side(height), side(width)


def lines(look: Look) -> list[str]:
    """Returns the look in words, a line a fact."""
    several = len(look.classes) != 1
    classes = f"{len(look.classes)} class{'es' if several else ''}: {_shown(look.classes)}"
    made_up = " (nothing names them: these are the values in the masks)" if look.values else ""
    other = [task for task in look.tasks if task != look.task]
    more = f" (--task also: {', '.join(other)})" if other else ""
    said = [
        f"{look.root}: layout {look.layout}, for {look.task}{more}",
        f"{classes}{made_up}",
    ]
    if look.task == "segmentation":
        said.append(f"void: {', '.join(map(str, look.void)) or 'none'}")
    height, width = ("/".join(map(str, sides)) for sides in (look.height, look.width))
    said.append(f"height {height}, width {width} pixels (min/median/max){', grey' if look.grey else ''}")
    counts = ", ".join(f"{count} {name}" for name, count in look.counts.items())
    shares = " and ".join(f"{100 * share:g} % of train for {name}" for name, share in look.shares.items())
    said.append(
        f"pictures: {counts}{f' (there is no val: {shares}, drawn by data.seed 0)' if shares else ''}"
    )
    said += [f"not used: {path}: {why}" for path, why in look.unread[:3]]
    if len(look.unread) > 3:
        said.append(f"not used: {len(look.unread) - 3} more, which 'archspace data check' names")
    return [*said, *(f"note: {remark}" for remark in look.remarks)]


def study_text(look: Look) -> str:
    """Returns the study as YAML with comments."""
    height, width = input_size(look)
    train, val = look.counts["train"], look.counts["val"]
    used = min(train, MOST_TRAIN)
    batch = max(2, min(LARGEST_BATCH, used // 4))
    epochs = max(EPOCHS[0], min(EPOCHS[1], round(PICTURES_SEEN / used)))
    name = folder_name(look.root.resolve().name) or "own"
    metric = main_metric(look.task).name
    flip = " # flip: false where left and right differ (letters, signs)"
    return "".join((
        "# Written by 'archspace init --data' from what the folder holds; every line may be changed.\n",
        f"name: {name}\n",
        f"task: {look.task}\n",
        "data:\n",
        f"  layout: {look.layout}\n",
        f"  root: {quoted(str(look.root.resolve()))}\n",
        f"  input_size: [{height}, {width}]   # H, W; the pictures are {look.height[1]} x {look.width[1]} (median)\n",
        "  channels: 1   # the pictures are grey\n" if look.grey else "",
        _classes(look),
        _splits(look),
        f"  train: {MOST_TRAIN}   # of {train}; retrain takes all\n" if train > MOST_TRAIN else "",
        f"  val: {MOST_VAL}   # of {val}\n" if val > MOST_VAL else "",
        "# A plain value fixes a field; choices, or low and high, free it.\n",
        "space:\n",
        SPACES.get(look.task, SPACES["classification"]),
        f"objectives: [{metric}, macs]   # up to three; latency_ms is measured on this machine\n",
        "sampler: {cheapest_first: true}\n",
        "trials: 12\n",
        "seed: 0\n",
        f"training: {{epochs: {epochs}, batch: {batch}, optimizer: adamw, lr: 3.0e-3, schedule: cosine}}  {flip}\n",
        "device: cpu\n",
        "threads: 1   # of each worker\n",
        "workers: auto   # one for each core; with 1 a study repeats exactly\n",
    ))  # fmt: skip


def quoted(text: str) -> str:
    """Returns a text as YAML takes it on any line."""
    return json.dumps(text, ensure_ascii=False)


def _shown(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return " ".join(", ".join(names[:SHOWN]).split()) + more


def _classes(look: Look) -> str:
    """The classes that nothing in the folder names, for the user to rename, and void."""
    if not look.values:
        return f"  # classes: {_shown(look.classes)} (as the data name them)\n"
    rows = "".join(f"    {value}: {quoted(name)}\n" for value, name in look.values.items())
    void = ", ".join(map(str, look.void))
    return (
        f"  classes:   # value in the masks: name; nothing in the folder names them, so give them theirs\n{rows}"
        f"  void: [{void}]   # values that are ignored\n"
    )


def _splits(look: Look) -> str:
    if not look.shares:
        return ""
    said = ", ".join(f"{name}: {share:g}" for name, share in look.shares.items())
    more = "" if "test" in look.counts else "; 'test: 0.1' keeps some for the end"
    return f"  splits: {{{said}}}   # shares of train, drawn by data.seed{more}\n"
