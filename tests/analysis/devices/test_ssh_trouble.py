"""What goes wrong with a board: each gives one clear line, and nothing is left behind on the board."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.devices import board_queue, ssh_address
from analysis.devices.base import DeviceAway
from analysis.devices.board_queue import with_retries
from analysis.devices.opening import open_device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import Settings
from analysis.devices.ssh import SshDevice
from analysis.devices.ssh_address import COMMAND, CONFIG_VARIABLE, Address, BoardError
from analysis.devices.target import Target
from archspace.support.errors import FieldError, InputError
from tests.analysis.devices.sshd import Board, commands, descendants, free_port, keygen, script, until
from tests.waiting import GENEROUS_S

pytestmark = pytest.mark.slow

QUICK = Settings(power=False, warmup=2, runs=20, spread=100.0, drift=100.0, attempts=1)


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text and "Traceback" not in text
    return text


def under_way(board: Board, tiny: Target, **settings: object) -> Future[DeviceRecord]:
    """A measurement whose trtexec hangs, once that runs."""
    hung = board.trtexec("8.2", "hang")
    future = ThreadPoolExecutor(1).submit(board.device(**settings).measure, tiny, QUICK)
    for _ in until(GENEROUS_S):
        if any(" hang --onnx" in line for line in board.processes().values()):
            return future
    raise AssertionError((hung, future.exception(timeout=1)))


@pytest.mark.parametrize(
    "name",
    [
        "ssh://", "ssh://-oProxyCommand=touch${IFS}x", "ssh://a@-b", "ssh://board;reboot", "ssh://$(id)", "ssh://a b",
        "ssh://-l@board", "ssh://board:0", "ssh://board:70000", "ssh://board:22x", "ssh://board/path", "ssh://board\n",
        "ssh://u`id`@board", "ssh://[::1", "ssh://user:secret@board", "ssh://bo'ard",
    ],
)  # fmt: skip
def test_odd_names_are_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(FieldError, match="device: ") as refused:
        open_device(name)
    assert "ssh://nvidia@tx2" in one_line(refused.value)


def test_the_command_line_is_a_constant_after_the_address() -> None:
    line = Address.parse("ssh://nvidia@[fe80::1]:2222").command(Path("settings"))
    assert line[:3] == ["ssh", "-F", "settings"]
    assert line[-7:] == ["-l", "nvidia", "-p", "2222", "--", "fe80::1", COMMAND]
    assert "StrictHostKeyChecking=yes" in line and "BatchMode=yes" in line
    assert COMMAND.count("'") == 2 and not set(COMMAND) & set("\\!`$")


def test_unknown_host_key(board: Board) -> None:
    board.known.write_text("")
    with pytest.raises(InputError, match="its host key is not known; ssh-keyscan -p") as refused:
        board.device().board()
    one_line(refused.value)


def test_changed_host_key(board: Board) -> None:
    board.stop()
    keygen(board.host_key)
    board.start()
    with pytest.raises(InputError, match=r"not the one known.*ssh-keygen -R '\[127.0.0.1\]:\d+'") as refused:
        board.device().board()
    one_line(refused.value)
    board.trust()
    assert board.device().board()["python"]


def test_the_users_settings_cannot_switch_verification_off(board: Board) -> None:
    board.known.write_text("")
    board.config.write_text(board.config.read_text() + "  StrictHostKeyChecking no\n")
    with pytest.raises(InputError, match="its host key is not known"):
        board.device().board()


def test_permission_denied(board: Board) -> None:
    keygen(board.user_key)
    with pytest.raises(InputError, match="permission denied: the board takes none of your keys") as refused:
        board.device().board()
    one_line(refused.value)
    check = board.device().doctor()[0]
    assert (check.name, check.state) == ("connection", "missing") and "permission denied" in check.detail


def test_nobody_listens(board: Board) -> None:
    device = SshDevice(f"ssh://127.0.0.1:{free_port()}", config=board.config)
    with pytest.raises(DeviceAway, match=r"the connection is refused") as away:
        device.board()
    one_line(away.value)


def test_no_such_host_and_no_such_settings(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((InputError, DeviceAway), match=r"no host of this name|cannot be looked up now"):
        SshDevice("ssh://board.invalid", config=board.config).board()
    monkeypatch.setenv(CONFIG_VARIABLE, "/nowhere/config")
    with pytest.raises(InputError, match="/nowhere/config: no such file of SSH settings"):
        SshDevice("ssh://board")


def test_no_python3_on_the_board(board: Board) -> None:
    board.stop()
    board.start(path="/nowhere")
    with pytest.raises(BoardError, match="no python3 on the board") as refused:
        board.device().board()
    one_line(refused.value)


def test_an_old_python_is_reported(board: Board) -> None:
    # What Python 3.5 would do: its version, then the bootstrap we send.
    fake = "import sys; sys.version_info = (3, 5, 2); exec(sys.argv[2])"
    script(board.programs / "python3", f"{shutil.which('python3')} -c '{fake}' \"$@\"")
    with pytest.raises(BoardError, match=r"python3 on the board is 3\.5; 3\.6 or newer is needed"):
        board.device().board()


def test_a_login_script_that_talks_does_no_harm(board: Board) -> None:
    (board.home / ".bashrc").write_text("echo Welcome to the lab; echo '{\"hello\": 1}'\n")
    assert board.device().board()["python"]


def test_garbage_instead_of_an_agent(board: Board) -> None:
    script(board.programs / "python3", "echo This account is not available")
    with pytest.raises(BoardError, match="it said 'This account is not available'") as refused:
        board.device().board()
    one_line(refused.value)


def test_a_hung_trtexec_is_killed_at_its_limit(board: Board, tiny: Target) -> None:
    board.trtexec("8.2", "hang")
    with pytest.raises(
        BoardError, match="trtexec: building the engine did not end within 1 s; killed"
    ) as failed:
        board.device(timeout_s=1.0).measure(tiny, QUICK)
    one_line(failed.value)
    assert board.quiet()


@pytest.mark.slow
def test_a_hung_trtexec_with_children_goes_with_its_group(board: Board, tiny: Target) -> None:
    # A shell in between keeps trtexec's output open, so that killing the shell alone would wait for ever.
    path = Path(board.trtexec("8.2", "hang"))
    path.write_text(path.read_text().replace("exec ", "") + "true\n")
    with pytest.raises(BoardError, match="no result within 1 s; stopped on the board"):
        board.device(timeout_s=1.0).measure(tiny, QUICK)
    assert board.quiet()


def test_a_link_cut_in_the_middle_leaves_nothing_on_the_board(board: Board, tiny: Target) -> None:
    future = under_way(board, tiny)
    assert board.folders() and board.processes()
    board.stop()
    with pytest.raises(DeviceAway, match="the link was lost") as away:
        future.result(timeout=GENEROUS_S)
    one_line(away.value)
    assert board.quiet()


def test_a_client_killed_in_the_middle_leaves_nothing_on_the_board(board: Board, tiny: Target) -> None:
    future = under_way(board, tiny)
    for client in descendants(os.getpid(), "ssh"):
        if f"-p {board.port} " in commands().get(client, ""):
            os.kill(client, signal.SIGKILL)
    assert future.exception(timeout=GENEROUS_S) is not None
    assert board.quiet()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_agent_that_is_ended_leaves_nothing(board: Board, tiny: Target, number: signal.Signals) -> None:
    future = under_way(board, tiny)
    os.kill(board.agent(), number)
    with pytest.raises(InputError, match="the agent on the board ended without an answer") as failed:
        future.result(timeout=GENEROUS_S)
    one_line(failed.value)
    assert board.quiet()


def test_a_killed_worker_is_reported_and_cleaned_up(board: Board, tiny: Target) -> None:
    future = under_way(board, tiny)
    os.kill(board.worker(), signal.SIGKILL)
    with pytest.raises(BoardError, match="ended by SIGKILL; out of memory"):
        future.result(timeout=GENEROUS_S)
    assert board.quiet()


def test_leftovers_of_a_dead_agent_go_with_the_next_run(board: Board, tiny: Target) -> None:
    future = under_way(board, tiny)
    pids = [board.agent(), board.worker()]
    for pid in pids:  # as when the power fails: neither can clean up after the other
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)
    assert future.exception(timeout=GENEROUS_S) is not None
    for pid, line in board.processes().items():
        if "hang" in line:
            os.kill(pid, signal.SIGKILL)
    left = board.folders()
    assert len(left) == 1
    board.device().board()
    assert not left[0].exists() and board.quiet()


def test_a_full_disk_is_reported_before_the_model_is_sent(board: Board, tiny: Target) -> None:
    with (
        mounted(board, "4m"),
        pytest.raises(BoardError, match=r"MiB free on the board; 16\.0 MiB are needed") as full,
    ):
        board.device().measure(tiny, QUICK)
    one_line(full.value)


def test_a_disk_without_room_for_the_agent_is_reported(board: Board) -> None:
    with mounted(board, "4k"), pytest.raises(BoardError, match="No space left on device") as full:
        board.device().board()
    one_line(full.value)


@contextmanager
def mounted(board: Board, size: str) -> Iterator[None]:
    """A small disk as the board's folder of temporary files; nothing of ours may be left on it."""
    where = board.temporary
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield
        assert board.quiet()
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.mark.slow
def test_a_search_waits_for_a_board_that_comes_back(board: Board, tiny: Target) -> None:
    board.trtexec("8.5")
    device = board.device()
    board.stop()
    on_progress: list[str] = []
    with pytest.raises(DeviceAway):
        device.measure(tiny, QUICK)
    with pytest.raises(DeviceAway):
        with_retries(lambda: device.key(QUICK), limit_s=0.5, first_s=0.1)
    threading.Timer(1.0, board.start).start()
    record = with_retries(
        lambda: device.measure(tiny, QUICK),
        first_s=0.2,
        on_progress=lambda what, share: on_progress.append(what),
    )
    assert record.latency_ms.n and any("the connection is refused; again in" in line for line in on_progress)


def test_pauses_grow_and_stop_at_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr(board_queue, "time", clock)

    def away() -> None:
        raise DeviceAway("tx2: no answer")

    with pytest.raises(DeviceAway, match="tx2: no answer"):
        with_retries(away, limit_s=50, first_s=2, longest_s=10)
    assert pauses == [2, 4, 8, 10, 10, 10, 6]


@pytest.mark.slow
def test_a_link_that_falls_silent_is_noticed(
    board: Board, tiny: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ssh_address.OPTIONS["ServerAliveInterval"] == "5"
    monkeypatch.setitem(ssh_address.OPTIONS, "ServerAliveInterval", "1")
    future = under_way(board, tiny)
    held = board.freeze()
    with pytest.raises(DeviceAway, match="the link was lost: no answer any more") as away:
        future.result(timeout=GENEROUS_S)
    one_line(away.value)
    for pid in held:
        os.kill(pid, signal.SIGCONT)
    assert board.quiet()
