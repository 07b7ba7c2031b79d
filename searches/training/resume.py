"""The state of a training run on disk: written whole or not at all, read back to the same step."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from archspace.support.errors import FieldError, InputError
from archspace.support.files import replacing
from searches.config.recipe import Recipe

STATE_FILE = "training.pt"
STATE_FORMAT = 1


class StateError(InputError):
    """A run cannot go on from the state in its folder."""


class OtherRunError(FieldError, StateError):
    """The state in a folder is that of another run."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        number: from 1, over all stages.
        loss: mean training loss.
        rate: learning rate of its last step.
        value: the metric on the validation split, where it was evaluated.
        seconds: of training.
        images: seen by the training; tokens of a text.
        waiting: share of the seconds in which the step waited for data.
        stage: that it belongs to, from 1.
    """

    number: int
    loss: float
    rate: float = float("nan")
    value: float | None = None
    seconds: float = 0.0
    images: int = 0
    waiting: float = 0.0
    stage: int = 1


@dataclass(slots=True)
class Place:
    """Where a training run stands: the next step of an epoch (from 0) of a stage, and what the epoch came to so far."""

    stage: int = 0
    epoch: int = 0
    step: int = 0
    total: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    history: list[Epoch] = field(default_factory=list)

    def ended_epoch(self, epoch: Epoch) -> None:
        """Counts an epoch as done."""
        self.history.append(epoch)
        self.epoch, self.step = self.epoch + 1, 0
        self.total = self.seconds = self.waited = 0.0
        self.seen = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a run this run: a state of another one must not be taken up."""

    arch_id: str
    recipe: Recipe
    seed: int
    data: str

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data."""
        recipe = self.recipe.model_dump(mode="json")
        return {"arch_id": self.arch_id, "recipe": recipe, "seed": self.seed, "data": self.data}


def save_state(
    folder: Path, identity: Identity, spec: dict[str, Any], place: Place, state: dict[str, Any]
) -> None:
    """Writes the state of a run.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    data = {
        "format": STATE_FORMAT,
        **identity.to_dict(),
        "spec": spec,
        "place": asdict(place),
        "state": state,
    }
    with replacing(folder / STATE_FILE) as temporary:
        torch.save(data, temporary)


def load_state(folder: Path, identity: Identity) -> tuple[Place, dict[str, Any]] | None:
    """Returns the state of the run in ``folder``, or ``None`` where there is none yet.

    Raises:
        OtherRunError: the folder holds another run.
        StateError: the file cannot be read.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return None
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or ["it is empty or cut off"])[0]
        raise StateError(f"{path}: cannot be read: {reason}; remove it to start again") from None
    if not isinstance(data, dict):
        raise StateError(f"{path}: cannot be read: it holds no training; remove it to start again")
    for name, value in identity.to_dict().items():
        if data.get(name) != value:
            changed = _changed(data.get(name), value) if name == "recipe" else name
            rule = f"{folder} holds a training run with another value; give another --out, or resume it as it was"
            raise OtherRunError(changed, value if name != "recipe" else None, rule, None)
    place = dict(data["place"])
    place["history"] = [Epoch(**epoch) for epoch in place["history"]]
    return Place(**place), data["state"]


def remove_state(folder: Path) -> None:
    """Removes the state of a run that is not to go on."""
    (folder / STATE_FILE).unlink(missing_ok=True)


def _changed(held: Any, new: dict[str, Any]) -> str:
    """The first field of a recipe that differs."""
    if not isinstance(held, dict):
        return "recipe"
    return next((f"recipe.{name}" for name, value in new.items() if held.get(name) != value), "recipe")
