"""Studies as files: what is refused, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.distributions import FloatDistribution

from archspace.support.errors import InputError
from searches.config.beginning import check_beginning
from searches.config.study import parse_config, read_config, recipes
from searches.config.training import read_train, train_recipes
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


@pytest.mark.parametrize("name", recipes())
def test_a_short_yaml_says_the_same_study(name: str) -> None:
    config = read_config(name)
    short, long = config.to_yaml(short=True), config.to_yaml()
    again = parse_config(yaml.safe_load(short))
    assert again == parse_config(yaml.safe_load(long)) == config and again.to_yaml() == long
    assert len(short.splitlines()) < len(long.splitlines()) / 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 3}, r"trails: 3: unknown field; nearest valid: trials"),
        ({"trials": "many"}, r"trials: 'many': .*integer"),
        ({"trials": 0}, r"trials: 0: .*nearest valid: 1"),
        ({"task": "segmentaton"}, r"task: 'segmentaton': unknown task; nearest valid: segmentation"),
        ({"objectives": ["miou", "macs"]}, r"objectives: 'miou': .*nearest valid: accuracy"),
        ({"objectives": ["accuracy", "flops"]}, r"objectives: 'flops': unknown objective"),
        ({"objectives": ["miu", "macs"]}, r"objectives: 'miu': unknown objective; nearest valid: (?!.*miou)"),
        ({"objectives": []}, r"objectives: \[\]: one to three .*nearest valid: \['accuracy', 'macs'\]"),
        (
            {"objectives": ["accuracy", "macs", "params", "memory"]},
            r"objectives: .*one to three .*nearest valid: \['accuracy', 'macs', 'params'\]",
        ),
        (
            {"objectives": ["accuracy", "macs", "params", "accurcy"]},
            r"objectives: 'accurcy': unknown objective; nearest valid: accuracy, ",
        ),
        (
            {"constraints": {"macs": {"most": 3}}},
            r"constraints\.macs\.most: 3: unknown field; nearest valid: .*max",
        ),
        ({"constraints": {"watts": {"max": 3}}}, r"constraints: 'watts': unknown quantity"),
        ({"constraints": {"macs": {}}}, r"constraints\.macs: .*needs max or min"),
        (
            {"constraints": {"macs": 400000}},
            r"constraints\.macs: 400000: .* max, min or both; .*: \{max: 400000\}$",
        ),
        (
            {"constraints": {"accuracy": "70"}},
            r"constraints\.accuracy: '70': .*; nearest valid: \{min: 70\}$",
        ),
        (
            {"constraints": {"macs": {"max": "1M"}}},
            r"constraints\.macs\.max: '1M': must be a number; nearest valid: 1000000$",
        ),
        ({"constraints": {"macs": {"max": "few"}}}, r"constraints\.macs\.max: 'few': must be a number$"),
        (
            {"judging": {"screen": {"zero_cost": 5}}},
            r"judging\.screen\.zero_cost: 5: must be a mapping of fields \(scores, .*\); .*: \{networks: 5\}$",
        ),
        (
            {"sampler": "tpe"},
            r"sampler: 'tpe': must be a mapping of fields \(.*\); nearest valid: \{name: tpe\}$",
        ),
        ({"space": 5}, r"space: 5: must be a mapping$"),
        ({"sampler": {"name": "cmaes"}}, r"sampler\.name: 'cmaes': unknown sampler; nearest valid: .*tpe"),
        ({"seed": 2**32}, r"^seed: 4294967296: .*from 0 to 4294967295; nearest valid: 4294967295$"),
        ({"seed": 2**63}, r"^seed: 9223372036854775808: .*from 0 to 4294967295"),
        ({"seed": -1}, r"^seed: -1: .*from 0 to 4294967295; nearest valid: 0$"),
        (
            {"given": [{"name": "one", "spec": "espnetv2-0.5", "seed": 2**32}]},
            r"^given\.0\.Given\.seed: 4294967296: .*nearest valid: 4294967295$",
        ),
        ({"training": {"epochs": 0}}, r"training\.epochs: 0: .*nearest valid: 1"),
        (
            {"judging": {"screen": {"candidats": 16}}},
            r"judging\.screen\.candidats: 16: unknown field; nearest valid: candidates",
        ),
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"width": {"low": 0.25, "high": 0.75, "step": 0.3}}},
         r"space\.width\.high: 0\.75: must be low, 0\.25, and a whole number of steps of 0\.3; .*: 0\.55 or 0\.85$"),
        ({"space": {"alphas": {"low": 0, "high": 3, "step": 2}}}, r"space\.alphas\.high: 3: .*nearest valid: 2 or 4$"),
        ({"space": {"alphas": {"low": 0, "high": 3, "step": 1.5}}}, r"space\.alphas\.step: 1\.5: must be whole"),
        ({"space": {"width": {"low": 0.25, "high": 1, "step": "few"}}}, r"space\.width\.step: 'few': must be a number"),
        ({"space": {"inner": {"low": 0.5, "high": 2}}}, r"space\.inner\.low: 0\.5: .*valid: \{choices: \[0\.5, 2\]\}$"),
        ({"space": {"branches": {"choices": [2, 4], "where": {"unit": ["esp"]}}}},
         r"space\.branches\.where\.unit: \['esp'\]: unit never has this .*: eesp, mobilenet, shufflenetv2$"),
        ({"space": {"branches": {"choices": [2, 4], "where": {"width": 0.3}}}},
         r"space\.branches\.where\.width: 0\.3: .*: 0\.25 to 0\.5 in steps of 0\.25$"),
        ({"space": {"branches": {"choices": [2, 4], "where": {"network": "espnet"}}}},
         r"space\.branches\.where\.network: 'espnet': .*nearest valid: espnetv2$"),
        ({"constraints": {"accuracy": {"min": 200}}}, r"constraints\.accuracy\.min: 200\.0: .*from 0 to 100; .*: 100$"),
        ({"constraints": {"latency_ms": {"max": 0}}}, r"constraints\.latency_ms\.max: 0\.0: is measured, .* above 0"),
        ({"space": {"unit": {"choices": ["eesp", "esp", "eesp"]}}},
         r"space\.unit\.choices: .*: eesp stands twice, .*nearest valid: \[eesp, esp\]$"),
        ({"space": {"width": {"low": 0.25, "high": 0.75, "choices": [0.5]}}},
         r"space\.width\.low: 0\.25: is not read beside choices; nearest valid: leave it out$"),
        ({"space": {"alphas": {"choices": [1, 2], "per_level": "no"}}},
         r"space\.alphas\.per_level: 'no': must be true or false; nearest valid: False$"),
        ({"constraints": {"accuracy": {"max": -1}}}, r"constraints\.accuracy\.max: -1\.0: .*nearest valid: 0$"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_where_a_study_begins(changes: dict[str, Any], message: str) -> None:
    space = {**tiny()["space"], **changes.pop("space", {})}
    config = parse_config(tiny(space=space, **changes))
    with pytest.raises(InputError) as caught:
        check_beginning(config)
    assert re.match(message, str(caught.value)), caught.value


@pytest.mark.parametrize(
    "changes",
    [
        {"width": {"low": 0.25, "high": 0.75, "step": 0.25}},
        {"width": {"low": 0.1, "high": 0.5, "step": 0.1}},
        {"width": {"low": 0.1, "high": 0.1 + 0.7, "step": 0.1}},
        {"width": {"low": 0.25, "high": 1.25, "step": 0.33333334}},
        {"alphas": {"low": 0, "high": 4, "step": 2}},
        {"branches": {"choices": [2, 4], "where": {"unit": ["esp", "eesp"], "alphas": 1}}},
        {
            "unit": ["eesp", "eesp", "mobilenet", "mobilenet"],
            "branches": {"choices": [2], "where": {"unit": "eesp"}},
        },
    ],
    ids=str,
)
def test_steps_that_meet_their_end_and_conditions_that_can_hold_begin(changes: dict[str, Any]) -> None:
    config = parse_config(tiny(space={**tiny()["space"], **changes}))
    check_beginning(config)
    fixed = {"task": "classification", "classes": 10, "input_size": [8, 8], "channels": 1}
    for name, one in SearchSpace(config.space, fixed).distributions().items():
        if name in changes and isinstance(one, FloatDistribution):
            assert one.high == pytest.approx(changes[name]["high"])


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


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("trials", "on", "trials: 'on': "), ("trials", "1:30", "trials: '1:30': "),
        ("trials", "true", "trials: True: must not be"),
        ("trials", "9" * 400, "a whole number of 400 digits"), ("seed", "yes", "seed: 'yes': "),
        ("training", "{epochs: false}", "training.epochs: False: must not be true or false"),
        ("training", "{lr: true}", "training.lr: True: must not be true or false"),
        ("training", "{lr: .inf}", "training.lr: inf: input should be a finite number"),
        ("training", "{flip: 2}", "training.flip: 2: "),
        ("name", "'=böse Blätter'", "name: '=böse Blätter': is the name of a folder"),
        ("name", "'=böse Blätter'", "nearest valid: bose-Blatter"),
        ("data", "{layout: digits, input_size: [true, 16]}", "data.input_size: [True, 16]: must not be true or false"),
        ("data", "{layout: digits, layout: scenes}", "line 2: key 'layout' occurs twice (first in line 2)"),
        ("space", "{network: espnetv2, width: {low: 0.5, high: 1.0, log: no}}",
         "width.log: 'no': must be true or false"),
    ],
)  # fmt: skip
def test_words_and_truths_are_no_numbers(tmp_path: Path, field: str, value: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    rest = yaml.safe_dump({name: one for name, one in tiny().items() if name != field})
    path.write_text(f"# a study\n{field}: {value}\n{rest}")
    with pytest.raises(InputError) as caught:
        config = read_config(str(path))
        fixed = {"task": "classification", "classes": 10, "input_size": [8, 8], "channels": 1}
        SearchSpace(dict(config.space), fixed)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_studies_and_recipes_of_windows_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "study.yaml"
    fields = {name: one for name, one in tiny(name="groesse").items() if name != "trials"}
    text = "# Größe\n" + yaml.safe_dump(fields)
    path.write_bytes(f"{text}trials: 010\n".replace("\n", "\r\n").encode(encoding))
    config = read_config(str(path))
    assert (config.name, config.trials) == ("groesse", 10)
    path.write_bytes(train_recipes()["cifar10"].encode(encoding))
    assert read_train(str(path)) == read_train("cifar10")


@pytest.mark.parametrize("read", [read_config, read_train])
def test_a_file_of_another_encoding_or_kind_is_one_line(
    tmp_path: Path, read: Callable[[str], object]
) -> None:
    path = tmp_path / "study.yaml"
    for content, words in (
        ("name: größe".encode("latin-1"), "is not UTF-8 text (line 1); save it as UTF-8"),
        ("name: x".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"a: 1\na: 2\n", "line 2: key 'a' occurs twice"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read(str(path))
        assert words in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
