"""Batches read ahead of the step that needs them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from searches.tasks.base import Raw, Size, Task

AHEAD = 2
"""Batches that are read while one is worked on."""


@dataclass(frozen=True, slots=True)
class Prefetched:
    """A batch, the input size that it is for, and the seconds that the step waited for it."""

    raw: Raw
    size: Size
    waited: float


def prefetch(task: Task, jobs: Iterable[tuple[NDArray[np.int64], Size]]) -> Iterator[Prefetched]:
    """Yields the batches of ``jobs`` in order; another thread reads them ahead."""
    todo = iter(jobs)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as pool:
        waiting: deque[tuple[Future[Raw], Size]] = deque()
        for index, size in islice(todo, AHEAD):
            waiting.append((pool.submit(task.gather, index), size))
        try:
            while waiting:
                future, size = waiting.popleft()
                start = time.perf_counter()
                raw = future.result()
                waited = time.perf_counter() - start
                for index, following in islice(todo, 1):
                    waiting.append((pool.submit(task.gather, index), following))
                yield Prefetched(raw, size, waited)
        finally:
            for future, _ in waiting:
                future.cancel()
