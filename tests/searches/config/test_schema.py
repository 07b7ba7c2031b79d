"""The JSON schemas accept what the configurations accept, and describe every field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from archspace.__main__ import make_app
from searches.config.described import attribute_docs
from searches.config.schema import study_schema, training_schema
from searches.config.study import read_config, recipes
from searches.config.training import read_train, train_recipes
from searches.data.dataset import layouts

STUDY = study_schema(layouts())
TRAINING = training_schema()


def valid(data: object, schema: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(data))


@pytest.mark.parametrize("name", recipes())
def test_built_in_studies_are_valid_as_written_and_as_resolved(name: str) -> None:
    assert valid(yaml.safe_load(recipes()[name]), STUDY)
    assert valid(yaml.safe_load(read_config(name).to_yaml()), STUDY)


@pytest.mark.parametrize("name", train_recipes())
def test_built_in_trainings_are_valid_as_written_and_as_resolved(name: str) -> None:
    assert valid(yaml.safe_load(train_recipes()[name]), TRAINING)
    assert valid(yaml.safe_load(read_train(name).to_yaml()), TRAINING)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trails": 3},
        {"task": "poetry"},
        {"trials": -1},
        {"space": {"widht": 0.5}},
        {"constraints": {"macs": {"most": 1}}},
        {"data": {"layout": "digits"}},
        {"training": {"epochs": 0}},
        {"space": {"width": {"lo": 0.5, "high": 1}}},
        {"given": [3]},
    ],
    ids=str,
)
def test_what_a_study_refuses_the_schema_marks(wrong: dict[str, Any]) -> None:
    data = yaml.safe_load(recipes()["digits"])
    assert valid(data, STUDY)
    assert not valid({**data, **wrong}, STUDY)


def test_names_of_plug_ins_are_not_marked() -> None:
    data = yaml.safe_load(recipes()["digits"])
    data["objectives"] = ["accuracy", "number_of_convolutions"]
    data["data"]["layout"] = "csv"
    data["space"]["unit"] = "ghost"
    assert valid(data, STUDY)


def test_every_field_is_described() -> None:
    for schema in (STUDY, TRAINING):
        for part in (schema, *schema["$defs"].values()):
            assert part["description"]
            for name, field in part["properties"].items():
                assert field["description"].strip(" .") != "", name


def test_one_text_may_describe_several_attributes_over_several_lines() -> None:
    class Example:
        """An example.

        Attributes:
            one, two: what ``one`` and
                :class:`~a.b.Two` share.
            three: alone.

        Raises:
            Nothing: at all.
        """

    shared = "what `one` and `a.b.Two` share."
    assert attribute_docs(Example) == {"one": shared, "two": shared, "three": "alone."}


def test_init_writes_the_schema_for_editors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_app()(["init", "--schema"], standalone_mode=False)
    text = Path("study.yaml").read_text("utf-8")
    first, _, rest = text.partition("\n")
    schema = yaml.safe_load(Path(first.partition("$schema=")[2]).read_text("utf-8"))
    assert rest == recipes()["scenes"]
    assert valid(yaml.safe_load(text), schema)
    make_app()(["init", "plain.yaml"], standalone_mode=False)
    assert Path("plain.yaml").read_text("utf-8") == recipes()["scenes"]
