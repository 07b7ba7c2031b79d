"""Progress of a table: its trainings, latencies or scores."""

from __future__ import annotations

from rich.console import Console

from searches.bench.table import Table
from searches.cli.counting import Counting


class Shown(Counting):
    """Shows how far a table is."""

    def __init__(self, console: Console) -> None:
        super().__init__("trainings", console=console)

    def trained(self, table: Table, words: str) -> None:
        """One training ended."""
        total = len(table.rows) * len(table.seeds)
        self.done(total - len(table.missing), total, words)

    def measured(self, table: Table, words: str) -> None:
        """One network's latency was measured."""
        total = len(table.rows)
        self.done(total - len(table.unmeasured), total, words)
