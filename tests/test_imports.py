"""The rules of DESIGN.md about imports; a new module is held to them without being named here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from archspace.__main__ import COMMANDS
from tests.sources import (
    MODULES,
    PACKAGES,
    TORCH,
    below,
    circles,
    home,
    import_graph,
    imported_without,
    imports,
    without,
)

ENTRY = "archspace.__main__"
"""The one module that may import in every direction."""

ALLOWED = {
    "archspace": set(),
    "analysis": {"archspace"},
    "searches": {"archspace", "analysis"},
    "reports": {"archspace", "analysis"},
}

WITH_OPTUNA = ("searches.study", "searches.judging", "searches.bench")

TORCH_FREE = (
    "archspace.spec",
    "archspace.plan",
    "archspace.presets",
    "archspace.class_names",
    "archspace.support.errors",
    "analysis.quantities",
    "analysis.store.records",
    "analysis.store.runs",
    "analysis.fronts",
    "analysis.counts.complexity",
    "analysis.drawing.curves",
    "analysis.drawing.figure_files",
    "analysis.predictors.record",
    "analysis.predictors.spaces",
    "searches.config",
    "reports",
)

# The parts of archspace that reports may use, and nothing else of it: none of them needs torch.
LIGHT = ("archspace.spec", "archspace.presets", "archspace.plan", "archspace.support")
PUBLIC = {"archspace.ArchSpec": "archspace.spec.archspec", "archspace.presets": "archspace.presets"}


def test_the_four_packages_are_there() -> None:
    assert {name.split(".")[0] for name in MODULES} == set(PACKAGES)
    assert ENTRY in MODULES


@pytest.mark.slow
def test_imports_go_one_way() -> None:
    wrong = [
        f"{name} imports {dotted}"
        for name, path in MODULES.items()
        for dotted in imports(path)
        if (own := name.split(".")[0]) != (top := dotted.split(".")[0])
        and (top == "tests" or (top in PACKAGES and name != ENTRY and top not in ALLOWED[own]))
    ]
    assert not wrong


def test_no_imports_run_in_a_circle() -> None:
    """Neither those of a module, nor those inside a function, nor those for type checkers only."""
    assert circles(import_graph()) == []


def test_a_circle_is_noticed() -> None:
    assert circles({"a": ["b", "c"], "b": ["c"], "c": [], "d": ["a"]}) == []
    assert circles({"b": ["c"], "c": ["a"], "a": ["b"], "d": ["a"]}) == ["a -> b -> c -> a"]
    two = {"d": ["c"], "c": ["d"], "b": ["a"], "a": ["b"], "e": ["a", "c"]}
    assert sorted(circles(two)) == ["a -> b -> a", "c -> d -> c"]


def test_every_sort_of_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.sources.ROOT", tmp_path)
    path = tmp_path / "package" / "room" / "file.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from typing import TYPE_CHECKING\nimport one.two\nfrom . import near\nfrom ..other import part\n"
        "if TYPE_CHECKING:\n    from typed import Name\ndef f():\n    from lazy import late\n"
    )
    assert list(imports(path))[1:] == [
        "one.two", "package.room.near", "package.other.part", "typed.Name", "lazy.late",
    ]  # fmt: skip


def test_reports_use_only_the_light_parts_of_archspace() -> None:
    assert not [
        f"{name} imports {dotted}"
        for name in below("reports")
        for dotted in imports(MODULES[name])
        if dotted.split(".")[0] == "archspace" and not (PUBLIC.get(dotted) or home(dotted)).startswith(LIGHT)
    ]


def test_only_studies_import_optuna() -> None:
    assert not [
        f"{name} imports {dotted}"
        for name in set(MODULES) - set(below(*WITH_OPTUNA))
        for dotted in imports(MODULES[name])
        if dotted.split(".")[0] in ("optuna", "optuna_dashboard")
    ]


@pytest.mark.slow
def test_data_about_networks_and_all_of_reports_need_no_torch() -> None:
    assert set(TORCH_FREE) <= set(MODULES)
    imported_without(TORCH, below(*TORCH_FREE))


def test_reports_need_no_optuna() -> None:
    imported_without((*TORCH, "optuna"), below("reports"))


def test_plans_need_neither_torch_nor_any_other_heavy_package() -> None:
    heavy = (*TORCH, "numpy", "pandas", "plotly", "optuna", "yaml")
    imported_without(heavy, [*below("archspace.plan"), "archspace.spec.archspec", "archspace.presets"])


def test_the_command_line_starts_without_heavy_packages() -> None:
    """``archspace --help`` is quick because a command imports what it needs when it runs."""
    imported_without((*TORCH, "pandas", "plotly", "optuna"), [ENTRY, *COMMANDS])


def test_counting_a_preset_needs_no_torch() -> None:
    program = "from analysis.counts.complexity import count\nfrom archspace.presets import preset\n"
    ran = without(TORCH, program + "print(count(preset('espnet').spec).params)")
    assert ran.stdout.strip() == "364569", ran.stderr


@pytest.mark.slow
def test_training_evaluating_exporting_and_the_demo_need_no_optuna(tmp_path: Path) -> None:
    """The four commands really run in an interpreter that has none."""
    program = """
import json
from archspace.__main__ import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["archspace", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""
    spec, recipe, image = tmp_path / "spec.yaml", tmp_path / "tiny.yaml", tmp_path / "image.png"
    spec.write_text(
        "{network: espnetv2, width: 0.25, alphas: [0, 0, 0, 0], channels: 1, classes: 10, input_size: [8, 8]}"
    )
    recipe.write_text(
        "name: tiny\ndata: {layout: digits, input_size: [8, 8], train: 64, val: 60}\n"
        "training: {epochs: 1, batch: 32}\n"
    )
    Image.new("L", (8, 8), 77).save(image)
    run, weights = tmp_path / "run", tmp_path / "run" / "weights.safetensors"
    words = [
        ["train", spec, "--recipe", recipe, "--out", run, "--json"],
        ["evaluate", weights, "--layout", "digits", "--json"],
        ["export", weights, "--out", tmp_path / "export"],
        ["demo", weights, image, "--out", tmp_path / "demo"],
    ]
    ran = without(["optuna"], program, json.dumps([[str(word) for word in line] for line in words]))
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "export" / "model.onnx").is_file()
    assert [path.suffix for path in (tmp_path / "demo").iterdir()] == [".png"]
