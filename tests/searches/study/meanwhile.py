"""Something that happens while a study runs in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console

from analysis.quantities import objective
from searches.study.progress import Progress
from searches.study.study import Study


class Meanwhile(Progress):
    """Does something when the first trial begins to train."""

    def __init__(self, study: Study, what: Callable[[], object] = lambda: None) -> None:
        objectives = [objective(name) for name in study.config.objectives]
        super().__init__(objectives, study.config.trials, [], Console(quiet=True))
        self.what = [what]

    def started(self, *about: Any) -> None:
        super().started(*about)
        while self.what:
            self.what.pop()()
