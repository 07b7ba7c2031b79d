"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Where tests run in the background ("nohup make test &") a shell has told them to ignore Ctrl-C, which their commands
# would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before torch is imported: threads that spin while they wait slow a busy machine many times over.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Before Triton is imported, which reads it then: without a GPU kernels run in its interpreter.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

REQUIRED = os.environ.get("CI") == "true" and os.environ.get("ARCHSPACE_REQUIRE_SHARED") == "1"
"""Whether everything that a test needs must be there: nothing is skipped for want of it."""

SHARED = Path(__file__).parents[1].parent / "shared"


# Compilers and exporters make millions of small objects that live as long as the work: looking through them at every
# 700 is a tenth of the time of the tests.
gc.set_threshold(50_000, 20, 20)


# How long an example takes says how busy the machine is.
settings.register_profile("archspace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("archspace")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, then long ones: no process is left alone with one of them at the end."""
    tests, slow = Counter(item.path for item in items), Counter(item.path for item in items if _slow(item))
    items.sort(key=lambda item: (-slow[item.path], -tests[item.path]))


def _slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def pytest_collection_finish() -> None:
    """What the imports made stays to the end: the collector need not look at its million objects again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where everything must be there, a test that is skipped for want of a program ("no Chromium ...") has failed."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if REQUIRED and isinstance(error, pytest.skip.Exception) and str(error).startswith("no "):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {error}"
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data beside the checkout; tests that need it are skipped where it is missing."""
    if not (SHARED / "data").is_dir():
        reason = f"shared data is not at {SHARED}"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ARCHSPACE_CACHE", str(folder))
    return folder
