"""TrainConfig: all that one training run is, as one YAML file; and the built-in recipes of the papers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from archspace.support.errors import FieldError, InputError, closest
from archspace.support.text_files import read_text
from archspace.support.yaml_text import dump_yaml, parse_yaml
from searches.config.data import Classes, Void, check_classes, check_splits, check_void
from searches.config.errors import first_error
from searches.config.parts import Crop, Part, PluginConfig, Seed, with_plugins
from searches.config.recipe import Recipe

TRAIN_FORMAT = 1
RECIPES_FOLDER = "recipes"


class TrainData(Part):
    """Which data a network is trained on.

    Attributes:
        layout: seen from the folder if left out.
        root: the data set's folder.
        name: what tables, pages and records call the data; the folder's name, or the layout's if left out.
        input_size: (H, W) at which images are decoded once and kept; the spec's if left out.
        channels: 1 (grey) or 3 (RGB), of the network's input too; the spec's if left out.
        train, val: use so many images of the split, or so many tokens of a text; all of them if left out.
        crop: how pictures of another aspect are evaluated: ``squash`` resizes all of a picture; ``centre`` cuts out the
            middle at 7/8 of its tighter side, as ImageNet's networks are judged (scores of whole images).
        classes: names of the classes: a list in the order of the class indices, or a mapping from a value in the masks
            to its name (``{0: ground, 255: disc}``). They are those of ``classes.txt``, of the folders or of the
            annotations if left out; of names that the data say themselves, the list says the order.
        void: the value, or values, in the masks that loss and metric ignore; as the layout has it if left out.
        vocabulary: of a text: so many of train's most frequent words are told apart, as of a study.
        splits: split -> share of train, ``{val: 0.2}``, as of a study. Of a text also split -> the one whose file is
            read in its place: ``{train: valid, val: test}`` learns from the validation file and is judged on the test
            file, where there is no other.
        use_val: learn from the validation images too, where nothing is chosen by them any more.
        seed: of generated data, and of what ``splits`` draws.
    """

    layout: str | None = None
    root: Path | None = None
    name: str | None = Field(None, min_length=1)
    input_size: tuple[int, int] | None = None
    channels: Literal[1, 3] | None = None
    train: int | None = Field(None, ge=2)
    val: int | None = Field(None, ge=1)
    crop: Crop = "squash"
    classes: Classes | None = None
    void: Void | None = None
    vocabulary: int | None = Field(None, ge=2)
    splits: dict[str, str | float] = Field(default_factory=dict)
    use_val: bool = False
    seed: Seed = 0

    @model_validator(mode="after")
    def _own(self) -> TrainData:
        check_classes(self.classes)
        check_void(self.void)
        check_splits(self.splits, self.layout)
        return self

    @property
    def files(self) -> dict[str, str]:
        """Of a text: split -> the one whose file is read in its place."""
        return {name: value for name, value in self.splits.items() if isinstance(value, str)}

    @property
    def shares(self) -> dict[str, float]:
        """Split -> share of train that is taken for it."""
        return {name: value for name, value in self.splits.items() if not isinstance(value, str)}


class TrainConfig(Part):
    """One training run.

    Attributes:
        format: of the file; written by archspace.
        name: names the run folder.
        about, source: what a built-in recipe is for and where its numbers stand.
        spec: the network: whatever names one, or fields of a spec.
        data: what it is trained on.
        training: how.
        init: network whose weights it starts from, of any form that has some; the head only where it fits.
        seed: everything random follows from it.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads.
        plugins: as of a study.
    """

    format: Literal[1] = TRAIN_FORMAT  # type: ignore[assignment]
    name: str = Field("train", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    source: str = ""
    spec: str | dict[str, Any] | None = None
    data: TrainData = TrainData()
    training: Recipe = Recipe()
    init: Path | None = None
    seed: Seed = 0
    device: str = "cpu"
    threads: int = Field(1, ge=1)
    plugins: tuple[PluginConfig, ...] = ()

    def to_yaml(self) -> str:
        """Returns the resolved run as YAML."""
        return dump_yaml(self.model_dump(mode="json"))


def train_recipes() -> dict[str, str]:
    """Returns built-in training recipes: name -> YAML text."""
    folder = files("searches.config") / RECIPES_FOLDER
    listed = sorted(folder.iterdir(), key=lambda item: item.name)
    return {
        item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8")
        for item in listed
        if item.name.endswith(".yaml")
    }


def parse_train(data: object, where: str) -> TrainConfig:
    """Returns a training run from plain data.

    Raises:
        InputError: the first thing that is wrong.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: must be a mapping of fields (name, spec, data, training)")
    try:
        return TrainConfig.model_validate(with_plugins(data))
    except ValidationError as error:
        raise first_error(error, TrainConfig) from None


def read_train(source: str) -> TrainConfig:
    """Returns the training run in a YAML file, or the built-in recipe of that name.

    Raises:
        InputError: no such file or recipe, not YAML, or a field breaks a rule.
    """
    known, path = train_recipes(), Path(source)
    if source in known:
        text = known[source]
    elif path.is_file():
        text = read_text(path)
    else:
        raise FieldError("--recipe", source, "no such file or recipe", closest(source, list(known)))
    return parse_train(parse_yaml(text, source), source)
