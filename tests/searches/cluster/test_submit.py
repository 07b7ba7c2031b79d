"""Studies as jobs of Slurm and manifests of Kubernetes, held against what would run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from archspace.support.errors import InputError
from archspace.support.yaml_text import parse_yaml
from searches.cluster.kubernetes import check_manifest
from searches.cluster.submitting import check_script
from searches.config.study import read_config
from tests.commands import archspace, refused
from tests.searches.studies import write_study

STORAGES = [("--head", "ray"), ("--head", "postgresql"), ("--storage", "journal:///shared/study.log")]


def manifests(path: Path) -> dict[str, dict[str, Any]]:
    """By kind and the end of the name."""
    found = [parse_yaml(text, path.name) for text in path.read_text().split("---\n")]
    return {f"{one['kind']} {one['metadata']['name'].removeprefix('archspace-tiny')}": one for one in found}


@pytest.mark.parametrize("storage", STORAGES)
def test_a_batch_script_is_one_that_bash_and_sbatch_take(storage: tuple[str, str], tmp_path: Path) -> None:
    study, out = write_study(tmp_path), tmp_path / "runs/a b"
    options = ["--workers", "3", "--gpus", "1", "--memory", "16G", "--hours", "1.5", "--partition", "gpu"]
    ran = archspace("submit", "slurm", study, "--out", out, *storage, *options, cwd=tmp_path)
    if ran.returncode:  # a real sbatch is asked too, and this machine's cluster may have no such partition
        refused(ran, "sbatch refuses it")
    text = (tmp_path / "submit-a b.sbatch").read_text()
    assert "#SBATCH --time=01:30:00\n" in text and "#SBATCH --signal=B:USR1@120\n" in text
    assert ("#SBATCH --nodes=3\n" if "ray" in storage else "#SBATCH --array=0-2\n") in text
    assert f"RUN='{out}'\n" in text and (tmp_path / "runs/a b.slurm").is_dir()
    assert read_config(str(tmp_path / "submit-a b.study.yaml")).name == "tiny"


def test_a_script_with_a_mistake_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sbatch"
    path.write_text("#!/bin/bash\n#SBATCH --tiem=1\n")
    with pytest.raises(InputError, match="--tiem is no option"):
        check_script(path)
    path.write_text("#!/bin/bash\n#SBATCH --time=1\nif true; then\n")
    with pytest.raises(InputError, match=r"bash refuses it: .*unexpected end of file"):
        check_script(path)


@pytest.mark.parametrize("storage", STORAGES)
def test_manifests_keep_the_schema_of_their_kinds(storage: tuple[str, str], tmp_path: Path) -> None:
    words = ["submit", "kubernetes", write_study(tmp_path), "--image", "me/archspace:1", "--volume", "runs"]
    ran = archspace(*words, *storage, "--workers", "3", "--gpus", "1", "--namespace", "team", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    made = manifests(tmp_path / "submit-tiny.yaml")
    search = made["Job -search"]["spec"]["template"]["spec"]
    (container,) = search["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert "study.yaml" in made["ConfigMap -study"]["data"]
    for one in made.values():
        check_manifest(one)
        assert one["metadata"]["namespace"] == "team"
        if one["kind"] == "Service":  # it leads to a pod that there is
            labels = [
                held["spec"]["template"]["metadata"]["labels"]
                for held in made.values()
                if held["kind"] in ("Job", "Deployment")
            ]
            assert any(one["spec"]["selector"].items() <= label.items() for label in labels)
    workers = made.get("Job -worker") or made["Deployment -ray"]
    assert workers["spec"].get("parallelism", workers["spec"].get("replicas")) == 2
    text = (tmp_path / "submit-tiny.yaml").read_text()
    claims = {
        one["persistentVolumeClaim"]["claimName"]
        for one in search["volumes"]
        if "persistentVolumeClaim" in one
    }
    assert claims == {"runs"} and len(re.findall("kind: Secret", text)) == (storage[0] == "--head")


def test_a_manifest_with_a_mistake_is_refused() -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b", "comand": ["c"]}]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x"},
        "spec": {"template": {"spec": pod}},
    }
    with pytest.raises(InputError, match=r"Job x: spec.template.spec.containers.0: .*comand"):
        check_manifest(job)


def test_what_no_cluster_can_be_asked_for_writes_nothing(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    words = ["submit", "slurm", study, "--out", tmp_path / "run"]
    refused(archspace(*words, cwd=tmp_path), "--storage", "--head postgresql")
    both = ("--head", "ray", "--storage", "journal:///a")
    refused(archspace(*words, *both, cwd=tmp_path), "a head that brings one along")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]
