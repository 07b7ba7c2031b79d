"""Whether a supernet has the networks of a study's space, with conditions and without; of its file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from searches.config.study import StudyConfig
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.gate import Gate
from searches.study.judge import Judge
from searches.study.space import SearchSpace
from searches.supernet.config import SupernetConfig
from searches.supernet.covering import lacking
from searches.supernet.inherited import Heir, of_images
from searches.supernet.supernet import Supernet
from searches.training.loop import Callback
from tests.commands import archspace, refused
from tests.searches.studies import tiny, write_study
from tests.searches.supernet.spaces import EESP, with_branches

ALL, EITHER = {"choices": [2, 4]}, {"choices": ["esp", "eesp"]}
HALF = {"choices": [2, 4], "where": {"width": [0.5]}}
UNSHUFFLED = {"choices": ["eesp", "mobilenet"]}


def supernet_of(folder: Path, space: dict[str, Any]) -> SupernetConfig:
    """The file of a supernet that nobody trained."""
    folder.mkdir(parents=True, exist_ok=True)
    config = SupernetConfig(study=StudyConfig.model_validate(tiny(space=space)))
    (folder / "supernet.yaml").write_text(config.to_yaml())
    return config


@pytest.mark.parametrize(
    ("held", "asked", "said"),
    [
        (with_branches(EESP), with_branches(ALL), "space.branches: 2|with unit esp: it has 5"),
        (with_branches(EESP), with_branches(2), "space.branches: 2|with unit esp: it has 5|nearest valid: {'ch"),
        (with_branches(ALL), with_branches(EESP), "space.branches: 5|own|with unit esp: it has 2, 4|nearest valid"),
        (with_branches(ALL), with_branches(None), "space.branches: 5|own|with unit esp: it has 2, 4"),
        (with_branches(None), with_branches(4), "space.branches: 4|with unit esp: it has 5|leave it out"),
        (with_branches(HALF), with_branches(EESP), "space.branches: 2|with unit eesp, width 0.25: it has 4"),
        (with_branches(EESP, unit="eesp"), with_branches(EESP), "space.unit: 'esp'"),
        (with_branches(EESP, alphas=[0, 1, 1, 0]), with_branches(EESP), "space.alphas: [0, 3, 7, 3]|has 0, 1"),
        (with_branches(EESP), with_branches(EESP), ""),
        (with_branches(EESP), with_branches({**EESP, "where": {"unit": "eesp"}}, unit=EITHER), ""),
        (with_branches(EESP), with_branches(None), "") ,
        (with_branches(EESP), with_branches(2, unit="eesp"), ""),
        (with_branches(EESP), with_branches({"choices": [4], "where": {"width": [0.5]}}, unit="eesp"), ""),
        (with_branches(EESP, unit=UNSHUFFLED), with_branches(ALL, unit=UNSHUFFLED), ""),
        (with_branches({"choices": [2, 4, 5]}), with_branches(EESP), ""),
        (with_branches(None), with_branches(5, unit="esp"), ""),
    ],
)  # fmt: skip
def test_a_field_has_the_networks_own_value_where_its_condition_does_not_hold(
    tmp_path: Path, held: dict[str, Any], asked: dict[str, Any], said: str
) -> None:
    supernet_of(tmp_path / "net", held)
    path = write_study(tmp_path, space=asked, judging={"supernet": str(tmp_path / "net")})
    run = tmp_path / "run"
    ran = archspace("search", path, "--out", run, "--dry-run")
    if said:
        refused(ran, *said.split("|"))
        refused(archspace("search", path, "--out", run), *said.split("|"))
    else:
        assert ran.returncode == 0, ran.stderr
    assert not run.exists()


def test_a_network_is_of_a_space_by_the_conditions_of_its_fields(tmp_path: Path) -> None:
    supernet_of(tmp_path, with_branches(EESP))
    plain = ArchSpec("espnetv2", width=0.5, classes=10, channels=1, input_size=8)
    for fields, said in (
        ({"unit": "esp", "branches": 5}, "None"),
        ({"unit": "esp", "branches": 4}, "it has 5; nearest valid: [5, 5, 5, 5]"),
        ({"unit": "eesp", "branches": 2}, "None"),
        ({"unit": "eesp", "branches": 8}, "it has 2, 4; nearest valid: 4"),
    ):
        assert str(lacking(plain.replace(**fields), tmp_path)).endswith(said), fields


def test_a_trial_that_the_supernet_has_not_says_the_field(tmp_path: Path) -> None:
    config = supernet_of(tmp_path, with_branches(EESP))
    sources = open_data(config.study)
    task = task_on(config.study, sources)
    fixed = fixed_fields(config.study, task)
    heir = Heir(Supernet.of(SearchSpace(config.study.space, fixed)), config, of_images(task), tmp_path)
    judge = Judge(config.study, task, None, Gate(tmp_path), fingerprinted(config.study, sources), heir=heir)
    spec = ArchSpec("espnetv2", unit="esp", branches=2, width=0.25).replace(**fixed)
    with pytest.raises(FieldError, match=r"^branches: .*: it has 5; nearest valid"):
        judge.judge(spec, config.study.training, 0, tmp_path / "trial", Callback())
