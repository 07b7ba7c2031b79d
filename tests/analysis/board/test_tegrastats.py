"""tegrastats: ten real lines of every kind of board and release, and the program as a sensor."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from analysis.board.sampling import Sampler
from analysis.board.tegrastats import find_tegrastats, parse
from tests.waiting import until

# Lines as recorded, and what each says: made once and compared with the line by eye.
EXAMPLES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("tegrastats.json").read_text("utf-8"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["board"])
def test_a_real_line(example: dict[str, Any]) -> None:
    assert parse(example["line"]) == example["told"]


def test_the_lines_are_those_of_the_facts(shared: Path) -> None:
    with (shared / "facts/tegrastats_examples.csv").open(newline="", encoding="utf-8") as file:
        assert [row["line"] for row in csv.DictReader(file)] == [example["line"] for example in EXAMPLES]
    assert len(EXAMPLES) == 10


def test_what_a_line_does_not_say_is_not_there() -> None:
    plain = next(example for example in EXAMPLES if "nonroot" in example["board"])
    assert "gpu_mhz" not in parse(plain["line"]), "only root sees clocks"
    assert parse("") == {"rails_mw": {}, "average_mw": {}, "temperature_c": {}}
    assert parse("RAM 1/2MB SWAP 0/3930MB IRAM 0/252kB(lfb 252kB) NC 0mW/0mW")["rails_mw"] == {}


def program(root: Path, script: str) -> Path:
    """A tegrastats of which the script says how it prints its ``$line``."""
    path = root / "usr/bin/tegrastats"
    path.parent.mkdir(parents=True)
    line = next(example for example in EXAMPLES if example["board"] == "TX2 r32 root")["line"]
    path.write_text(f"#!/bin/sh\nline='{line}'\n{script}\n")
    path.chmod(0o755)
    return path


def test_it_stands_in_where_the_rails_have_no_files(tmp_path: Path) -> None:
    program(tmp_path, '[ "$1 $2" = "--interval 100" ] || exit 3\nwhile echo "$line"; do sleep 0.05; done')
    sampler = Sampler(str(tmp_path), 0.05)
    sampler.start()
    trace = sampler.stop()
    assert trace.error is None
    assert trace.sensors[0]["name"] == "tegrastats"
    assert trace.sensors[0]["settle_s"] == pytest.approx(1.7)
    assert trace.total == ["VDD_IN"]
    assert set(trace.watts["VDD_IN"]) == {5.297}
    assert set(trace.watts["VDD_SYS_GPU"]) == {0.182}


def test_a_program_that_ends_is_a_sensor_that_goes(tmp_path: Path) -> None:
    program(tmp_path, 'for i in 1 2 3 4 5; do echo "$line"; sleep 0.05; done; exit 7')
    sampler = Sampler(str(tmp_path), 0.05)
    sampler.start()
    until(lambda: not Path(f"/proc/{sampler.pid}/fd/1").exists(), "the sampler to end")
    trace = sampler.stop()
    assert trace.error is not None
    assert trace.error.startswith("tegrastats gone: ended with status 7: ")
    assert trace.times


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 1", "ended with status 1"), ("echo RAM 1/2MB; exec sleep 60", "printed no rails in 3 s")],
)
def test_a_program_that_tells_no_rails_is_missing(tmp_path: Path, script: str, said: str) -> None:
    path = program(tmp_path, f"exec sh -c '{script}'")
    sensors, missing = find_tegrastats(str(tmp_path))
    assert sensors == []
    assert missing == {"tegrastats": f"{said}: {path}"}
