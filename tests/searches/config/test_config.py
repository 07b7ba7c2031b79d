"""Studies as files: what is refused, and how it is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from archspace.support.errors import InputError
from searches.config.study import parse_config, read_config, recipes
from searches.study.space import SearchSpace
from tests.searches.studies import tiny, write_study


def test_every_recipe_is_a_valid_study() -> None:
    for name, text in recipes().items():
        config = parse_config(yaml.safe_load(text))
        assert config.name == name
        fixed = {"task": config.task, "classes": 5, "input_size": [96, 128], "channels": config.data.channels}
        assert SearchSpace(config.space, fixed).distributions()


def test_the_resolved_yaml_reads_back_equal(tmp_path: Path) -> None:
    config = parse_config(tiny())
    (tmp_path / "study.yaml").write_text(config.to_yaml())
    assert read_config(str(tmp_path / "study.yaml")) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 3}, r"trails: 3: unknown field; nearest valid: trials"),
        ({"trials": "many"}, r"trials: 'many': .*integer"),
        ({"trials": 0}, r"trials: 0: .*nearest valid: 1"),
        ({"task": "segmentaton"}, r"task: 'segmentaton': unknown task; nearest valid: segmentation"),
        ({"objectives": ["miou", "macs"]}, r"objectives: 'miou': .*nearest valid: accuracy"),
        ({"objectives": ["accuracy", "flops"]}, r"objectives: 'flops': unknown objective"),
        ({"objectives": []}, r"objectives: \[\]: one to three"),
        (
            {"constraints": {"macs": {"most": 3}}},
            r"constraints\.macs\.most: 3: unknown field; nearest valid: .*max",
        ),
        ({"constraints": {"watts": {"max": 3}}}, r"constraints: 'watts': unknown quantity"),
        ({"constraints": {"macs": {}}}, r"constraints\.macs: .*needs max or min"),
        ({"sampler": {"name": "cmaes"}}, r"sampler\.name: 'cmaes': unknown sampler; nearest valid: .*tpe"),
        ({"training": {"epochs": 0}}, r"training\.epochs: 0: .*nearest valid: 1"),
        ({"training": {"epoch": 2}}, r"training\.epoch: 2: unknown field; nearest valid: epochs"),
        ({"data": {"layout": "digits"}}, r"data\.input_size: missing"),
        ({"format": 99}, r"format: 99: written by a newer archspace"),
        ({"name": "a/b"}, r"name: 'a/b'"),
    ],
)
def test_a_wrong_study_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(tiny(**changes))
    assert re.match(message, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"unit": "eesp"}, r"space\.network: None"),
        ({"network": "espnetv3"}, r"space\.network: 'espnetv3': unknown network; nearest valid: espnetv2"),
        ({"network": "espnetv2", "unit": {"choices": ["eesp", "eeps"]}}, r"space\.unit\.choices: 'eeps': unknown unit"),
        ({"network": "espnetv2", "unti": "eesp"}, r"space\.unti: 'eesp': unknown field; nearest valid: unit"),
        ({"network": "espnetv2", "width": {"low": 2, "high": 1}}, r"space\.width\.low: 2: must not be above high"),
        ({"network": "espnetv2", "width": {"low": -1, "high": 1}}, r"space\.width\.low: -1: must be a number above 0"),
        ({"network": "espnetv2", "width": {"choice": [1]}}, r"space\.width\.choice: .*unknown key"),
        ({"network": "espnetv2", "width": {"low": 1, "high": 2, "per_level": True}}, r"space\.width\.per_level"),
        ({"network": "espnetv2", "classes": 3}, r"space\.classes: 3: follows from"),
        ({"network": "espnetv2", "fusion": "hfff"}, r"space\.fusion: 'hfff': unknown fusion; nearest valid: hff"),
        ({"network": "espnetv2", "branches": {"choices": [0]}}, r"space\.branches\.choices: 0: .*nearest valid: 1"),
    ],
)  # fmt: skip
def test_a_wrong_space_is_refused_in_one_line(space: dict[str, Any], message: str) -> None:
    fixed = {"task": "classification", "classes": 10, "input_size": [8, 8], "channels": 1}
    with pytest.raises(InputError) as caught:
        SearchSpace(space, fixed)
    assert re.match(message, str(caught.value)), caught.value


def test_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'scenery': no such file or built-in study; nearest valid: scenes"):
        read_config("scenery")


def test_yaml_that_is_none(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    path.write_text("name: [unclosed")
    with pytest.raises(InputError, match="not YAML"):
        read_config(str(path))


def test_changes_reach_nested_fields(tmp_path: Path) -> None:
    config = read_config(str(write_study(tmp_path)), {"trials": 9, "data.root": "/somewhere"})
    assert config.trials == 9
    assert config.data.root == Path("/somewhere")
