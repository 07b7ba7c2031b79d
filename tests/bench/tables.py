"""How long and how much memory 10,000 trials take as tables of every format: ``python -m tests.bench.tables``."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from reports.tables.build import build_tables
from reports.tables.write import write_tables
from tests.reports.runs import realistic_study, write_run

TRIALS = 10_000


def main() -> None:
    """Prints seconds of each step, sizes of the files and the largest memory of the process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = write_run(folder / "run", realistic_study(TRIALS))
        start = time.perf_counter()
        tables = build_tables("segmentation", dataset="camvid", extra=[run])
        read = time.perf_counter()
        files = write_tables(tables, folder / "out", "segmentation", title="Ten thousand trials")
        done = time.perf_counter()
        print(f"{len(tables[0].rows)} rows: read {read - start:.1f} s, four formats {done - read:.1f} s")
        print(", ".join(f"{name} {path.stat().st_size / 1e6:.1f} MB" for name, path in files.items()))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
