"""Calibrating: kept as it is taken, gone on after a kill, checked on other networks; the commands; the real CPU."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.predictors.calibration import calibrate, doubt
from analysis.predictors.pieces import pieces_of
from analysis.predictors.record import Calibration, device_key
from analysis.predictors.timing import CpuTimer
from archspace.__main__ import make_app
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from tests.analysis.predictors.devices import WALL, KnownDevice

pytestmark = pytest.mark.slow

SPACE = {
    "task": "segmentation", "classes": 8, "input_size": [32, 32], "network": "espnet-c", "fusion": "hff",
    "unit": {"choices": ["esp", "mobilenet"], "per_level": True}, "width": {"choices": [0.5, 1.0]},
    "alphas": {"low": 0, "high": 2, "per_level": True},
}  # fmt: skip


def finish(device: KnownDevice, out: Path, check: int = 10, minutes: float = 1.0) -> Calibration:
    """The space is small: it ends before the minutes do."""
    return calibrate(device, SPACE, out, minutes=minutes, check=check)


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished calibration's folder."""
    folder = tmp_path_factory.mktemp("known")
    finish(KnownDevice(), folder / "known.json")
    return folder


@pytest.fixture
def known(finished: Path, tmp_path: Path) -> Path:
    """A copy of it: the predictor's file, its journal beside it."""
    return shutil.copytree(finished, tmp_path / "known") / "known.json"


@pytest.mark.slow
def test_a_calibration_is_checked_on_networks_that_it_was_not_fitted_on(tmp_path: Path) -> None:
    out, device = tmp_path / "known.json", KnownDevice()
    on_progress: list[tuple[str, float, float]] = []
    made = calibrate(
        device, SPACE, out, minutes=1, check=10, on_progress=lambda *news: on_progress.append(news)
    )
    roles: dict[str, set[object]] = {"fit": set(), "check": set()}
    for line in lines(out)[1:]:
        roles[str(line["role"])].add(line["arch_id"])
    assert len(roles["check"]) == 10 == made.error["networks"]
    assert roles["fit"] and not roles["fit"] & roles["check"]
    assert len(device.timed) == len(set(device.timed)) == len(lines(out)) - 1
    assert made.error["hit_5"] == 1.0 and made.error["refused"] == 0
    assert made.wall_error is not None and made.wall_error["networks"] == 10
    assert made.wall_error["median_ratio"] == pytest.approx(made.error["median_ratio"] / WALL)
    assert any("held-out" in news[0] for news in on_progress) and all(
        0 <= news[1] <= 1 for news in on_progress
    )


def test_answers_are_marked_and_the_file_is_all_there_is(known: Path) -> None:
    spec = ArchSpec.from_dict(lines(known)[1]["spec"])  # type: ignore[arg-type]
    known.with_suffix(".jsonl").unlink()
    answer = Calibration.read(known).predict(spec)
    assert answer.origin == "predicted" and answer.unit == "ms" and answer.value > 0
    how = answer.how
    assert how["predictor"] == "layerwise" and how["device"] == KnownDevice().key()
    assert how["calibrated"].startswith("20") and {"hit_5", "hit_10", "rmspe", "spearman"} <= set(
        how["error"]
    )
    assert sum(how["pieces_ms"].values()) == pytest.approx(answer.value)


@pytest.mark.parametrize("cut", [1, 40])
def test_a_killed_calibration_goes_on_from_its_journal(known: Path, cut: int) -> None:
    journal = known.with_suffix(".jsonl")
    kept = journal.read_text().splitlines(keepends=True)[:9]
    journal.write_text("".join(kept)[:-cut])  # killed while it wrote
    known.unlink()
    again = KnownDevice()
    finish(again, known)
    assert known.exists() and journal.read_text().startswith("".join(kept[:-1]))
    before = {json.loads(line)["arch_id"] for line in kept[1:-1]}
    assert not before & set(again.timed), "what was kept is not timed again"
    assert all(line["role"] in ("fit", "check") for line in lines(known)[1:])


def test_minutes_count_over_interruptions(known: Path) -> None:
    before = Calibration.read(known)
    os.utime(known.with_suffix(".jsonl"), (1e9, 1e9))
    again = KnownDevice()
    made = finish(again, known, minutes=1e-6)
    assert again.timed == []
    assert made.error == before.error and made.predictor == before.predictor
    assert made.calibrated == "2001-09-09T01:46:40+00:00", (
        "when it was measured, not when it was fitted again"
    )


def test_the_journal_of_another_calibration_is_refused(known: Path) -> None:
    with pytest.raises(
        InputError, match=r"known.jsonl: measured for another device; remove it, or give another"
    ):
        finish(KnownDevice(threads=2), known)
    with pytest.raises(InputError, match="measured for another seed"):
        calibrate(KnownDevice(), SPACE, known, minutes=1, check=10, seed=1)
    known.with_suffix(".jsonl").write_text("no json\n")
    with pytest.raises(InputError, match="no journal of a calibration"):
        finish(KnownDevice(), known)


def test_a_space_smaller_than_the_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="the space has about"):
        finish(KnownDevice(), tmp_path / "known.json", check=10_000)


def test_what_was_never_timed_is_in_most_doubt() -> None:
    spec = ArchSpec("espnet-c", classes=8, input_size=(32, 32), alphas=[1, 1])
    pieces = pieces_of(spec)
    never = doubt(pieces, {})
    once = doubt(pieces, dict.fromkeys([p.key for p in pieces], 1))
    often = doubt(pieces, dict.fromkeys([p.key for p in pieces], 16))
    assert never > once > often and often == pytest.approx(once / 4)


def run(*words: str) -> tuple[int, str, str]:
    """Exit code or the error's line, standard output."""
    result = CliRunner().invoke(make_app(), list(words), standalone_mode=False)
    return result.exit_code, result.stdout, str(result.exception or "")


def test_a_predictor_of_another_device_is_refused_unless_asked_for(known: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(lines(known)[1]["spec"]))
    code, _, error = run("predict", str(spec), "--by", str(known))
    assert (
        code != 0
        and "calibrated on another device: " in error
        and "model 'known'" in error
        and "\n" not in error
    )
    code, text, _ = run("predict", str(spec), "--by", str(known), "--other-device", "--json")
    report = json.loads(text)
    assert (
        code == 0
        and report["origin"] == "predicted"
        and any("known" in line for line in report["other_device"])
    )
    code, text, _ = run("predict", str(spec), "--by", str(known), "--other-device")
    assert code == 0 and "predicted, not measured" in text and "of another device than this one" in text
    code, _, error = run(
        "predict", str(spec), "--by", str(known), "--other-device", "--set", "activation=relu"
    )
    assert code != 0 and "relu: was never calibrated" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["calibrate", "--device", "cuda"], "device: 'cuda'"),
        (["calibrate", "--minutes", "0"], "minutes: 0.0: must be above 0"),
        (["calibrate", "--check", "1"], "check: 1: needs at least 2"),
        (["calibrate", "--runtime", "openvino"], "runtime: 'openvino'"),
        (["calibrate", "--out", "x.pkl"], "out: 'x.pkl'"),
        (["calibrate", "--space", "none.yaml"], "space: none.yaml: cannot be read: No such file"),
        (["predict", "espnet", "--by", "none.json"], "none.json: No such file or directory; make one with"),
    ],
)
def test_wrong_options_are_one_line(
    words: list[str], message: str, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = run(*words)
    assert code != 0 and message in error and "\n" not in error
    assert list(tmp_path.iterdir()) == []


def test_broken_predictor_files_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    for text, message in (
        ("{", "not JSON"), ("[]", "no layer-wise predictor"),
        ('{"predictor": "layerwise", "format": 9}', "newer archspace"),
        ('{"predictor": "layerwise", "format": 1, "model": {}, "rows": []}', "broken predictor"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            Calibration.read(path)


@pytest.mark.slow
def test_real_times_of_this_cpu(tmp_path: Path) -> None:
    """A space so small that all of it is timed, however busy the machine is: sizes in their order, and marks."""
    out = tmp_path / "cpu.json"
    space = {**SPACE, "unit": "esp"}
    made = calibrate(CpuTimer(), space, out, minutes=60, check=2)
    assert made.device == device_key() and made.differences(device_key()) == []
    small, large = (
        ArchSpec("espnet-c", classes=8, input_size=(32, 32), width=width, alphas=[alpha, alpha])
        for width, alpha in ((0.5, 0), (1.0, 2))
    )
    assert 0 < made.predict(small).value < made.predict(large).value
    line = next(line for line in lines(out) if line.get("role") == "fit")
    spec = ArchSpec.from_dict(line["spec"])  # type: ignore[arg-type]
    pieces = line["pieces"]
    assert isinstance(pieces, dict) and set(pieces) == {p.path for p in pieces_of(spec)}
    assert all(spent > 0 for spent in pieces.values())
