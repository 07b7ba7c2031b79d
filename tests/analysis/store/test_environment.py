"""Where a result was made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import archspace
from analysis.store import environment as module
from analysis.store.environment import environment, package_version


def test_what_is_needed_to_make_a_result_again_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/archspace", "train", "a name.yaml"])
    record = environment()
    assert record["command"] == "archspace train 'a name.yaml'"
    assert record["versions"]["torch"] == package_version("torch") is not None
    assert record["cpu"] and record["cores"] >= 1


def test_a_package_that_is_not_there_is_left_out() -> None:
    assert "no-such-package" not in environment(("no-such-package",))["versions"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_marked_where_files_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "archspace"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(archspace, "__file__", str(package / "__init__.py"))
    assert module.commit() is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    clean = module.commit()
    assert clean is not None and len(clean) == 40
    (package / "__init__.py").write_text("changed = 1\n")
    assert module.commit() == clean + "+"
