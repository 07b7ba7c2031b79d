"""SupernetConfig: a study whose networks share weights, and how these are trained and judged. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from archspace.support.errors import FieldError, InputError
from archspace.support.text_files import read_text
from archspace.support.yaml_text import dump_yaml, parse_yaml
from searches.config.errors import first_error
from searches.config.parts import Free, Part, with_plugins
from searches.config.study import StudyConfig

SUPERNET_FILE = "supernet.yaml"
SUPERNET_FORMAT = 1

SHARED = (
    "unit",
    "branches",
    "width",
    "alphas",
    "receptive_field",
    "dilated",
    "fusion",
    "residual",
    "reinforcement",
)
"""Fields of a space over which networks share weights."""
TASKS = ("classification", "segmentation")
"""Tasks whose networks can learn from the scores of the largest."""
REFUSED: dict[str, Any] = {
    "freeze_norms": False, "encoder_only": False, "teacher": None, "compile": False,
}  # fmt: skip
"""Fields of a recipe that a supernet cannot honour, with the value that it needs."""


class SupernetConfig(Part):
    """A supernet.

    Attributes:
        format: of the file; written by archspace.
        study: whose networks share weights: its space, data, training and seed.
        random: networks drawn at random in every step, beside the largest and the smallest.
        norm_images: training images on which the norms of a network are estimated anew before it is judged or taken
            out; all where there are fewer.
    """

    format: Literal[1] = SUPERNET_FORMAT  # type: ignore[assignment]
    study: StudyConfig
    random: int = Field(2, ge=0)
    norm_images: int = Field(512, ge=2)

    @model_validator(mode="after")
    def _can_share(self) -> SupernetConfig:
        check_shared(self.study)
        return self

    def to_yaml(self) -> str:
        """Returns the supernet as YAML."""
        return dump_yaml(self.model_dump(mode="json"))


def check_shared(study: StudyConfig) -> None:
    """Refuses a study whose networks cannot share weights.

    Raises:
        FieldError: the field that cannot be shared, or the task or part of the recipe that a supernet has not.
    """
    if study.task not in TASKS:
        raise FieldError("task", study.task, "a supernet is for a task with scores of classes", TASKS[0])
    if not study.space:
        raise FieldError(
            "space", None, "a supernet shares the weights of a space's networks", {"network": "espnetv2"}
        )
    for name, value in study.space.items():
        if isinstance(value, dict) and name not in SHARED and not _single(value):
            rule = f"a supernet cannot share weights over {name}; it can over {', '.join(SHARED)}"
            raise FieldError(f"space.{name}", _values(value), rule, _values(value)[0])
    for stage in study.training.plan():
        for name, needed in REFUSED.items():
            if getattr(stage, name) != needed:
                raise FieldError(f"training.{name}", getattr(stage, name), "a supernet has none", needed)


def _single(value: dict[str, Any]) -> bool:
    return len(_values(value)) == 1


def _values(value: dict[str, Any]) -> list[Any]:
    """The values of a free field, or its ends."""
    free = Free.model_validate(value)
    return list(dict.fromkeys(map(_hashable, free.choices if free.choices else [free.low, free.high])))


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def read_supernet(folder: Path) -> SupernetConfig:
    """Returns the supernet in a folder.

    Raises:
        InputError: there is none, or its file is wrong or of another version.
    """
    path = folder / SUPERNET_FILE
    if not path.is_file():
        rule = f"no supernet: the folder has no {SUPERNET_FILE}" if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: {rule}; 'archspace supernet train' makes one")
    data = parse_yaml(read_text(path), str(path))
    version = data.get("format", SUPERNET_FORMAT) if isinstance(data, dict) else None
    if version != SUPERNET_FORMAT:
        rule = f"this archspace reads supernets of format {SUPERNET_FORMAT}"
        raise InputError(f"{path}: format: {version!r}: {rule}")
    try:
        study = data.get("study")
        return SupernetConfig.model_validate(
            {**data, "study": with_plugins(study) if isinstance(study, dict) else study}
        )
    except ValidationError as error:
        raise first_error(error, SupernetConfig) from None
