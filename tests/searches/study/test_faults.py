"""What goes wrong on one machine, and what a study makes of it."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from analysis.store.records import Measurement
from analysis.store.runs import RECORD_FILE, STUDY_FILE, read_run
from archspace.build import build
from archspace.checkpoint import WEIGHTS_FILE, save
from archspace.support.errors import FieldError
from archspace.support.interrupts import Terminated, exit_code, held_back, sigterm_as_interrupt, sigterm_kept
from searches.config.recipe import Recipe
from searches.config.study import parse_config
from searches.study.study import Study
from searches.study.trained import keep_trained, read_trained
from searches.training.resume import STATE_FILE, Identity, StateError, load_state
from tests.commands import command, environment
from tests.searches.studies import tiny
from tests.searches.study.meanwhile import Meanwhile
from tests.waiting import until

ONE_NETWORK = {"network": "espnetv2", "unit": {"choices": ["eesp"]}, "width": 0.25, "fusion": "none"}


@pytest.mark.slow
def test_two_workers_do_not_train_the_same_network_at_once(tmp_path: Path, cache_folder: Path) -> None:
    config = parse_config(tiny(space=ONE_NETWORK, trials=2))
    first, second = Study.open(config, tmp_path / "run"), Study.open(config, tmp_path / "run")
    seen: list[Any] = []

    def other_worker() -> None:
        second.run(Meanwhile(second))
        seen.extend((len(second.records()), [one.user_attrs["away"] for one in second.sampled.running()[1:]]))

    first.run(Meanwhile(first, other_worker), wait=True)
    one, another = first.records()
    assert seen == [0, ["twin"]]
    assert one.duplicate_of is None and another.duplicate_of == "0"
    assert one.values == another.values
    assert len(list((tmp_path / "run").glob(f"trials/*/{WEIGHTS_FILE}"))) == 1
    for study in (first, second):
        study.close()


@pytest.mark.slow
@pytest.mark.parametrize("left", [b"", b'{"label": "0", '])
def test_a_record_that_was_cut_is_written_again_from_the_storage(
    left: bytes, tmp_path: Path, cache_folder: Path
) -> None:
    config = parse_config(tiny(trials=1))
    study = Study.open(config, tmp_path / "run")
    study.run(Meanwhile(study))
    study.close()
    path = tmp_path / "run/trials/0" / RECORD_FILE
    whole = path.read_bytes()
    path.write_bytes(left)
    Study.open(config, tmp_path / "run").close()
    assert path.read_bytes() == whole and len(read_run(tmp_path / "run").trials) == 1


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04N."])
def test_a_training_state_that_was_cut_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_bytes(content)
    with pytest.raises(StateError, match="cannot be read"):
        load_state(tmp_path, Identity("0" * 12, Recipe(), 0, "data"))


def test_a_folder_whose_study_was_given_another_name_by_hand_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    Study.open(parse_config(tiny()), folder).close()
    changed = {**yaml.safe_load((folder / STUDY_FILE).read_text()), "name": "other"}
    (folder / STUDY_FILE).write_text(yaml.safe_dump(changed))
    with pytest.raises(FieldError, match="of a study of another name; nearest valid: tiny"):
        Study.open(parse_config(changed), folder)


def test_what_was_trained_is_compared_by_recipe_and_data_too(tmp_path: Path) -> None:
    study = Study.open(parse_config(tiny()), tmp_path / "run")
    spec, recipe, task = study.space.example(0), study.config.training, study.judge.task
    network = build(spec)
    save(network, tmp_path / WEIGHTS_FILE)
    keep_trained(tmp_path, spec, recipe, task, Measurement("accuracy", 50.0, "%", "measured"))
    known = read_trained(tmp_path, spec, recipe, task)
    assert known is not None and known[1].value == 50.0
    assert all(torch.equal(a, b) for a, b in zip(known[0].parameters(), network.parameters(), strict=True))
    assert read_trained(tmp_path, spec, recipe.model_copy(update={"epochs": 30}), task) is None
    study.close()


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, ""), (signal.SIGBUS, -signal.SIGBUS, "Fatal Python error: Bus error")],
)
def test_a_command_ends_by_sigterm_as_by_ctrl_c_and_by_sigbus_with_a_word(
    number: signal.Signals, code: int, word: str, tmp_path: Path
) -> None:
    words = command("worker", f"journal://{tmp_path}/none.log", "tiny", "--wait", "600")
    waiting = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True)
    until(
        lambda: "sqlalchemy" in Path(f"/proc/{waiting.pid}/maps").read_text()
    )  # the command itself has begun
    waiting.send_signal(number)
    _, said = waiting.communicate()
    assert waiting.returncode == code and "Traceback" not in said and word in said


def test_a_library_that_takes_sigterm_in_c_does_not_keep_it(tmp_path: Path) -> None:
    with (tmp_path / "trace").open("w") as trace, pytest.raises(Terminated), sigterm_as_interrupt():
        assert exit_code(KeyboardInterrupt()) == 130
        with sigterm_kept():
            faulthandler.register(signal.SIGTERM, file=trace)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            faulthandler.unregister(signal.SIGTERM)
    assert not (tmp_path / "trace").read_text()
    assert exit_code(KeyboardInterrupt()) == 143  # which is what Ray makes of it


def test_an_interrupt_is_held_back_until_the_state_is_kept_and_a_second_one_is_not() -> None:
    kept = []
    with pytest.raises(Terminated), sigterm_as_interrupt(), held_back() as came:
        os.kill(os.getpid(), signal.SIGTERM)
        kept.append(came())
    assert kept == [Terminated]
    with pytest.raises(Terminated), sigterm_as_interrupt(), held_back():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        kept.append(None)
    assert kept == [Terminated]
