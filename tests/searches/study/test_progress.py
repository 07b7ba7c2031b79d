"""What a person sees while several workers share a study."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from rich.console import Console

from analysis.quantities import objective
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
