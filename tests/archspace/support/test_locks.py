"""Locks between processes and threads: one holder, let go by the kernel when its process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from archspace.support.locks import locked, try_lock

HOLD = """
import sys, time
from pathlib import Path
from archspace.support.locks import try_lock
held = try_lock(Path(sys.argv[1]))
print("held" if held else "refused", flush=True)
sys.stdin.read()
"""
COUNT = """
import sys
from pathlib import Path
from archspace.support.locks import locked
number = Path(sys.argv[2])
for _ in range(100):
    with locked(Path(sys.argv[1])):
        number.write_text(str(int(number.read_text()) + 1))
"""


def start(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_try_in_the_same_process_is_refused_until_release(tmp_path: Path) -> None:
    first = try_lock(tmp_path / "deep" / "lock")
    assert first is not None
    assert try_lock(tmp_path / "deep" / "lock") is None
    first.release()
    first.release()
    second = try_lock(tmp_path / "deep" / "lock")
    assert second is not None
    second.release()


def test_the_file_and_its_inode_stay_so_that_nobody_locks_a_removed_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        inode = path.stat().st_ino
    held = try_lock(path)
    assert held is not None and path.stat().st_ino == inode
    held.release()
    assert path.stat().st_ino == inode


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    first = try_lock(tmp_path / "lock")
    assert first is not None
    (tmp_path / "lock").unlink()
    first.release()
    second = try_lock(tmp_path / "lock")
    assert second is not None and (tmp_path / "lock").is_file()
    assert try_lock(tmp_path / "lock") is None
    second.release()


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with start(HOLD, path) as holder:
        assert said(holder) == "held"
        assert try_lock(path) is None
        with start(HOLD, path) as other:
            assert said(other) == "refused"
            other.kill()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    held = try_lock(path)
    assert held is not None
    held.release()


def test_two_processes_that_wait_for_each_other_lose_no_count(tmp_path: Path) -> None:
    number = tmp_path / "number"
    number.write_text("0")
    both = [start(COUNT, tmp_path / "lock", number) for _ in range(2)]
    assert [process.wait(300) for process in both] == [0, 0]
    for process in both:
        process.communicate()
    assert number.read_text() == "200"


def test_two_threads_never_hold_it_both_and_one_may_end_what_the_other_began(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(path):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)  # lets the other thread try
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert most == 1

    held = try_lock(path)
    assert held is not None
    refused = []
    thread = threading.Thread(target=lambda: (refused.append(try_lock(path) is None), held.release()))
    thread.start()
    thread.join(300)
    assert refused == [True]
    again = try_lock(path)
    assert again is not None
    again.release()


def test_a_folder_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        try_lock(tmp_path / "file" / "lock")
