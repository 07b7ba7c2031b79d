"""The log of a run: everything to a file in its folder, the gist to standard error when there is no live view."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("archspace", "analysis", "searches")


def log_to(folder: Path, console: bool = False, name: str = "study.log") -> None:
    """Sends the packages' log to ``folder/name`` and, with ``console``, to standard error."""
    folder.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.FileHandler(folder / name, encoding="utf-8", delay=True)]
    handlers[0].setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    if console:
        stream = logging.StreamHandler()
        stream.setFormatter(logging.Formatter("%(message)s"))
        stream.setLevel(logging.INFO)
        handlers.append(stream)
    for package in PACKAGES:
        logger = logging.getLogger(package)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        for handler in handlers:
            logger.addHandler(handler)


@contextmanager
def logging_to(folder: Path, console: bool = False, name: str = "study.log") -> Iterator[None]:
    """As :func:`log_to` until the block ends; then the loggers are as they were, and the file is closed."""
    loggers = [logging.getLogger(package) for package in PACKAGES]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    for logger in loggers:
        logger.handlers.clear()
    log_to(folder, console, name)
    try:
        yield
    finally:
        for handler in {handler for logger in loggers for handler in logger.handlers}:
            handler.close()
        for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.propagate, logger.handlers[:] = propagate, handlers
