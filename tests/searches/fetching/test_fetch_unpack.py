"""Archives: what is taken, what is refused, and that nothing is left of a refused one."""

from __future__ import annotations

import io
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archspace.support.errors import InputError
from searches.data.dataset import load_split
from searches.fetching.convert import convert_cifar10
from searches.fetching.unpack import unpack
from searches.fetching.web import FetchError
from tests.searches.fetching.cifar_files import batches


def make_zip(path: Path, members: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (modes or {}).get(name, 0o644 | stat.S_IFREG) << 16
            archive.writestr(entry, content)
    return path


def make_tar(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, content in members.items():
            entry = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def unpacked(archive: Path, take: dict[str, str] | None = None) -> dict[str, bytes]:
    folder = archive.parent / "out"
    unpack(archive, {"x/": ""} if take is None else take, folder, lambda count: None)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive: Path, text: str) -> None:
    """The archive is refused with this text, and nothing of it is left anywhere."""
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(FetchError) as caught:
        unpacked(archive)
    assert text in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(archive.parent.rglob("*")) == before


MEMBERS = {"x/a.txt": b"A" * 3000, "x/b/c.txt": b"C", "y/d.txt": b"D"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_only_what_is_wanted_is_unpacked_under_its_new_name(tmp_path: Path, name: str) -> None:
    make: Callable[..., Path] = make_zip if name.endswith("zip") else make_tar
    archive = make(tmp_path / name, MEMBERS)
    assert unpacked(archive) == {"a.txt": b"A" * 3000, "b/c.txt": b"C"}
    folder = tmp_path / "other"
    unpack(archive, {"x/b/c.txt": "e.txt", "y/": "z/"}, folder, lambda count: None)
    assert sorted(path.name for path in folder.rglob("*.txt")) == ["d.txt", "e.txt"]
    assert (folder / "z" / "d.txt").read_bytes() == b"D"


def test_names_with_a_leading_dot_and_folders_are_taken(tmp_path: Path) -> None:
    members: dict[str, bytes | tarfile.TarInfo] = {"./x": special("./x", tarfile.DIRTYPE), "./x/a.txt": b"A"}
    assert unpacked(make_tar(tmp_path / "a.tgz", members)) == {"a.txt": b"A"}


@pytest.mark.parametrize(
    "name", ["x/../../evil", "../evil", "/etc/evil", "x/..", "x\\..\\evil", "C:/evil", "x//evil", "C:evil"]
)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    make: Callable[..., Path] = make_zip if kind == "a.zip" else make_tar
    (tmp_path / "in").mkdir()
    refused(make(tmp_path / "in" / kind, {"x/good.txt": b"good", name: b"evil"}), "points outside the folder")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "entry",
    [
        special("x/l", tarfile.SYMTYPE, "/etc/passwd"),
        special("x/l", tarfile.SYMTYPE, "../../secret"),
        special("x/l", tarfile.SYMTYPE, "a.txt"),
        special("x/l", tarfile.LNKTYPE, "x/a.txt"),
        special("x/l", tarfile.CHRTYPE),
        special("x/l", tarfile.BLKTYPE),
        special("x/l", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, entry: tarfile.TarInfo) -> None:
    refused(make_tar(tmp_path / "a.tar", {"x/a.txt": b"A", "x/l": entry}), "x/l")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    archive = make_zip(tmp_path / "a.zip", {"x/a": b"A", "x/l": b"/etc/passwd"}, {"x/l": kind | 0o777})
    refused(archive, "'x/l' is a link or device")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x/a", "2")
    refused(tmp_path / "a.zip", "has 'x/a' twice")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    make: Callable[..., Path] = make_zip if name == "a.zip" else make_tar
    noise = np.random.default_rng(0).bytes(200_000)
    archive = make(tmp_path / name, {"x/a": noise})
    whole = archive.read_bytes()
    archive.write_bytes(whole[:100_000])
    refused(archive, "")
    if name != "a.tar":  # a plain tar has no checksum of its content
        archive.write_bytes(whole[:90_000] + bytes(100) + whole[90_100:])
        refused(archive, "is damaged")


def test_the_checksum_at_the_end_of_a_tgz_counts(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tgz", {"x/a": b"A" * 100})
    archive.write_bytes(archive.read_bytes()[:-8] + bytes(8))
    refused(archive, "is damaged")


def test_another_archive_than_expected_is_refused(tmp_path: Path) -> None:
    refused(make_zip(tmp_path / "a.zip", {"z/a": b"A"}), "holds no x/: it is another file")
    (tmp_path / "a.zip").write_text("<html>no archive</html>")
    refused(tmp_path / "a.zip", "neither a zip nor a tar")


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"x/evil": b"evil"}).read_bytes()
    assert unpacked(make_tar(tmp_path / "a.tar", {"x/a": b"A", "x/inner.zip": inner})) == {
        "a": b"A",
        "inner.zip": inner,
    }


def test_what_an_interrupted_run_left_is_overwritten(tmp_path: Path) -> None:
    left = tmp_path / ".out.unpacking"
    left.mkdir()
    (left / "old").write_text("old")
    assert unpacked(make_zip(tmp_path / "a.zip", {"x/a": b"A"})) == {"a": b"A"}
    assert not left.exists()


def test_a_full_disk_leaves_nothing_half_unpacked(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        archive = make_tar(tmp_path / "a.tar", {f"x/{i}": bytes(300_000) for i in range(5)})
        with pytest.raises(InputError, match="the disk is full"):
            unpack(archive, {"x/": ""}, disk / "out", lambda count: None)
        assert list(disk.iterdir()) == []
        archive = make_zip(tmp_path / "a.zip", {f"x/{i}": bytes(300_000) for i in range(5)})
        with pytest.raises(InputError, match="unpacks to 1,500,000 bytes"):
            unpack(archive, {"x/": ""}, disk / "out", lambda count: None)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- CIFAR-10


def test_cifar10_becomes_zipped_folders_that_hold_every_pixel(tmp_path: Path, cache_folder: Path) -> None:
    images = batches(tmp_path / "cifar")
    convert_cifar10(tmp_path / "cifar", lambda count: None)
    assert sorted(path.name for path in (tmp_path / "cifar").iterdir()) == ["test.zip", "train.zip"]
    with zipfile.ZipFile(tmp_path / "cifar" / "test.zip") as archive:
        names = archive.namelist()
        assert names == [
            "test/name0/0000.png",
            "test/name1/0000.png",
            "test/name2/0000.png",
            "test/name0/0001.png",
        ]
        for name, image in zip(names, images[5], strict=True):
            assert (np.asarray(Image.open(io.BytesIO(archive.read(name)))) == image).all()
    test = load_split(
        "imagefolder", "test", root=tmp_path / "cifar", input_size=(32, 32), task="classification"
    )
    assert test.classes == ("name0", "name1", "name2") and sorted(test.targets) == [0, 0, 1, 2]
    assert (test.images[2] == images[5, 1]).all()  # sorted by class: name0 twice, then name1


def test_cifar10_batches_that_are_none_are_refused(tmp_path: Path) -> None:
    batches(tmp_path, classes=3)
    (tmp_path / "batches.meta.txt").write_text("only\none\n")
    with pytest.raises(FetchError, match="has label 2; there are 2 classes"):
        convert_cifar10(tmp_path, lambda count: None)
    (tmp_path / "data_batch_1.bin").write_bytes(b"123")
    with pytest.raises(FetchError, match="must be records of 3,073"):
        convert_cifar10(tmp_path, lambda count: None)
    (tmp_path / "data_batch_1.bin").unlink()
    with pytest.raises(FetchError, match="is not in the archive"):
        convert_cifar10(tmp_path, lambda count: None)
