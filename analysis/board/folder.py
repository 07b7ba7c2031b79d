"""The agent's temporary folder, what dead agents left behind, and the lock of the board."""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import List, Optional

PREFIX = "archspace-"
ALIVE = "alive"
LOCK = "archspace-board.lock"
REMOVE_S = 2.0
ABANDONED_S = 600.0
"""Age of a folder without a mark of life from which its agent counts as dead before it could leave one."""


def free_bytes(folder: Path) -> int:
    """Bytes that this user can still write there."""
    stats = os.statvfs(str(folder))
    return stats.f_bavail * stats.f_frsize


def remove(folder: Path) -> None:
    """Removes the folder, again while a process that was just killed still writes into it."""
    end = time.monotonic() + REMOVE_S
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(str(folder), ignore_errors=True)
        time.sleep(0.01)


def board_lock() -> Optional[int]:
    """Returns a descriptor that holds the board's lock, shared by all its users; ``None`` while another measures.

    The kernel lets go of it when the agent ends, however it ends.
    """
    path = Path(tempfile.gettempdir()) / LOCK
    try:
        # Opened for reading and without O_CREAT first: the kernel's fs.protected_regular refuses O_CREAT for another
        # user's file in a sticky folder, and a lock needs no write access.
        handle = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        handle = os.open(str(path), os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(handle).st_ino:
            return handle
    except OSError:  # another holds it, or it was removed meanwhile
        pass
    os.close(handle)
    return None


def keep_alive_mark(folder: Path) -> int:
    """Takes the lock inside ``folder`` that says an agent lives there."""
    new = folder / (ALIVE + ".new")
    handle = os.open(str(new), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    new.rename(folder / ALIVE)  # it appears locked: no other agent ever sees it free while this one lives
    return handle


def sweep(but: Path) -> List[Path]:
    """Removes what dead agents of this user left in the folder of temporary files; their paths."""
    gone = []
    for path in sorted(Path(tempfile.gettempdir()).glob(PREFIX + "*")):
        try:
            ours = path.lstat().st_uid == os.getuid() and path.is_dir() and not path.is_symlink()
            if ours and path != but and _abandoned(path):
                remove(path)
                gone.append(path)
        except OSError:  # removed meanwhile by another
            continue
    return gone


def _abandoned(folder: Path) -> bool:
    try:
        handle = os.open(str(folder / ALIVE), os.O_RDWR)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > ABANDONED_S
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
