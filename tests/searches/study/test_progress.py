"""What a person sees while several workers share a study."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from analysis.quantities import objective
from analysis.store.records import Measurement, TrialRecord
from searches.study.progress import Doing, Progress


def test_every_worker_has_a_line() -> None:
    text = StringIO()
    console = Console(file=text, force_terminal=True, color_system=None, width=100)
    said = [Doing(1, "7", 6, 2.5, "eesp K=4")]

    def others() -> Iterator[Doing]:
        while said:
            yield said.pop()

    objectives = [objective("accuracy"), objective("macs")]
    with Progress(objectives, 9, [], console, workers=3, others=others) as progress:
        progress.show(Doing(0, "[4]", 6, 1.0, "esp K=5"))
    shown = text.getvalue()
    assert "worker 1, trial [4]" in shown and "1/6" in shown and "esp K=5" in shown
    assert "worker 2, trial 7" in shown and "2/6" in shown and "worker 3" not in shown
    assert "best so far: none yet" in shown and "0/9" in shown


def test_a_worker_alone_has_no_number() -> None:
    text = StringIO()
    with Progress(
        [], 2, [], Console(file=text, force_terminal=True, width=100, color_system=None)
    ) as progress:
        progress.show(Doing(0, "1", 6, 1.0, ""))
    assert "trial 1" in text.getvalue() and "worker" not in text.getvalue()


def trial(number: int, accuracy: float, origin: str, how: dict[str, str], **more: str) -> TrialRecord:
    known = {
        "accuracy": Measurement("accuracy", accuracy, "%", origin, how),  # type: ignore[arg-type]
        "macs": Measurement("macs", 62_300.0, "MACs", "counted"),
    }
    values = {name: one.value for name, one in known.items()}
    return TrialRecord(
        label=str(number), number=number, state="complete", values=values, measurements=known, **more
    )  # fmt: skip


def test_what_is_predicted_or_copied_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    objectives = [objective("accuracy"), objective("macs")]
    progress = Progress(objectives, 4, [], Console(file=StringIO()))
    records = [
        trial(0, 19.02, "predicted", {"predictor": "inherited weights"}),
        trial(1, 30.0, "measured", {"from": "runs/old:3"}),
        trial(2, 30.0, "measured", {"from": "runs/old:3"}, duplicate_of="1"),
        trial(3, 40.0, "predicted", {}),
    ]
    with caplog.at_level("INFO"):
        for count, record in enumerate(records, 1):
            progress.finished(record, records[:count])
    said = [line for line in caplog.messages if line.startswith("trial")]
    assert said == [
        "trial 0: complete accuracy 19.02 % predicted, macs 62.3 k MACs",
        "trial 1: complete accuracy 30.00 %, macs 62.3 k MACs (from runs/old:3)",
        "trial 2: complete accuracy 30.00 %, macs 62.3 k MACs (same network as trial 1)",
        "trial 3: complete accuracy 40.00 % predicted, macs 62.3 k MACs",
    ]
    best = [line.partition("best so far: ")[2] for line in caplog.messages if "best so far" in line]
    assert best[0].startswith("accuracy 19.02 % predicted (trial 0), macs 62.3 k MACs (trial 0)")
    assert best[1].startswith("accuracy 30.00 % (trial 1), ")
    assert best[3].startswith("accuracy 40.00 % predicted (trial 3), ")
