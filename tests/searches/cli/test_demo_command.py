"""``archspace demo`` as a user runs it: images of every kind, folders, videos, and what is refused."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspace.build import build
from archspace.checkpoint import save
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from searches.demo import video
from searches.demo.video import upright
from tests.commands import archspace, printed, refused

RGB = Preprocessing(channel_order="rgb", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def _checkpoint(path: Path, channels: int = 3, **fields: object) -> Path:
    torch.manual_seed(1)
    spec = ArchSpec.from_dict({"classes": 3, "channels": channels, **fields})
    grey = Preprocessing(channel_order="gray", mean=(0.5,), std=(0.25,))
    notes = {"classes": ["dark", "middle", "light"]}
    return save(build(spec).eval(), path, preprocessing=RGB if channels == 3 else grey, notes=notes)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _checkpoint(
        tmp_path_factory.mktemp("demo") / "segmenter.safetensors",
        network="espnet", alphas=[1, 1], width=0.5, input_size=[32, 64],
    )  # fmt: skip


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _checkpoint(
        tmp_path_factory.mktemp("demo") / "classifier.safetensors", channels=1,
        network="espnetv2", width=0.25, alphas=[0, 1, 0, 0], input_size=[16, 16],
    )  # fmt: skip


def _images(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(colour).save(folder / "plain.png")
    Image.fromarray(colour[..., 0]).save(folder / "grey.png")
    Image.fromarray(np.dstack([colour, colour[..., :1]])).save(folder / "clear.png")
    Image.fromarray(colour[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.fromarray(colour).save(folder / "turned.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_folder_of_images_of_every_kind(segmenter: Path, tmp_path: Path) -> None:
    folder = _images(tmp_path / "images")
    completed = archspace("demo", segmenter, folder, "--out", tmp_path / "out", "--json")
    assert completed.returncode == 0, completed.stderr
    result = json.loads(completed.stdout)
    sizes = {Path(row["image"]).name: row["size"] for row in result["images"]}
    assert sizes == {
        "clear.png": [30, 50], "deep.png": [30, 50], "grey.png": [30, 50], "plain.png": [30, 50],
        "turned.jpg": [50, 30],
    }  # fmt: skip
    for row in result["images"]:
        assert sum(row["shares"].values()) == pytest.approx(1)
        with Image.open(row["picture"]) as picture:
            assert (
                picture.mode == "RGB" and picture.width > row["size"][1] and picture.height >= row["size"][0]
            )
    assert {item["file"] for item in result["left_out"]} == {"broken.jpg", "notes.txt"}
    assert (
        completed.stderr.count("\n") == 1
        and "broken.jpg" in completed.stderr
        and "notes.txt" in completed.stderr
    )
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".png"] * 5, (
        "nothing half-written"
    )


def test_the_picture_holds_the_image_at_its_full_size(segmenter: Path, tmp_path: Path) -> None:
    folder = _images(tmp_path / "images")
    completed = archspace(
        "demo", segmenter, folder / "plain.png", "--out", tmp_path / "out", "--beside", "--json"
    )
    assert completed.returncode == 0, completed.stderr
    row = json.loads(completed.stdout)["images"][0]
    with Image.open(row["picture"]) as picture, Image.open(folder / "plain.png") as image:
        left = np.asarray(picture)[:30, :50]
        assert (left == np.asarray(image)).all()
        assert (np.asarray(picture)[:30, 50:100] != left).any()


def test_a_classifier_says_its_classes(classifier: Path, tmp_path: Path) -> None:
    image = _images(tmp_path / "images") / "plain.png"
    completed = archspace("demo", classifier, image, "--out", tmp_path / "out", "--json")
    assert completed.returncode == 0, completed.stderr
    classes = json.loads(completed.stdout)["images"][0]["classes"]
    assert {item["name"] for item in classes} == {"dark", "middle", "light"}
    chances = [item["probability"] for item in classes]
    assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1)
    names = tmp_path / "names.txt"
    names.write_text("one\ntwo\nthree\n")
    again = archspace("demo", classifier, image, "--out", tmp_path / "out", "--labels", names)
    assert again.returncode == 0 and {"one", "two", "three"} <= set(again.stdout.replace(":", "").split())


def test_a_detector_names_and_frames_objects(tmp_path: Path) -> None:
    detector = _checkpoint(
        tmp_path / "detector.safetensors", task="detection", network="espnetv2", width=0.5, input_size=[64, 64],
        classes=4,
    )  # fmt: skip
    image = _images(tmp_path / "images") / "plain.png"
    out = ("--input", "64x96", "--out", tmp_path / "out", "--json")
    completed = archspace("demo", detector, image, "--threshold", "0.2", "--beside", *out)
    assert completed.returncode == 0, completed.stderr
    row = json.loads(completed.stdout)["images"][0]
    scores = [item["score"] for item in row["objects"]]
    assert scores and scores == sorted(scores, reverse=True) and scores[-1] >= 0.2
    assert {item["name"] for item in row["objects"]} <= {"dark", "middle", "light"}, "no background"
    with Image.open(row["picture"]) as picture, Image.open(image) as plain:
        both = np.asarray(picture)
        assert (both[:30, :50] == np.asarray(plain)).all()
        assert (both[:30, 50:100] != np.asarray(plain)).any()
    sure = archspace("demo", detector, image, "--threshold", "1", *out)
    assert sure.returncode == 0 and json.loads(sure.stdout)["images"][0]["objects"] == []


@pytest.mark.slow
def test_what_cannot_be_shown_is_one_line(segmenter: Path, tmp_path: Path) -> None:
    folder = _images(tmp_path / "images")
    image, out = folder / "plain.png", ("--out", str(tmp_path / "out"))
    refused(archspace("demo", segmenter, folder / "none.png", *out), "no such image, folder or video")
    refused(archspace("demo", segmenter, folder / "broken.jpg", *out), "broken.jpg", "cannot be")
    refused(archspace("demo", segmenter, folder / "notes.txt", *out), "is not an image that can be read")
    refused(
        archspace("demo", segmenter, image, "--input", "30x50", *out),
        "input_size",
        "multiples of 8",
        "32, 48",
    )
    refused(archspace("demo", segmenter, image, "--labels", "voc", *out), "21 names", "3 classes")
    refused(archspace("demo", segmenter, image, "--webcam", "0", *out), "one of both")
    refused(archspace("demo", segmenter, image, "--frames", "3", *out), "--frames", "video")
    refused(archspace("demo", segmenter, *out), "--webcam")
    refused(archspace("demo", segmenter, "--webcam", "173", *out), "no /dev/video173")
    refused(archspace("demo", image, image, *out), "is no network", "a checkpoint (.safetensors)")
    (tmp_path / "empty").mkdir()
    refused(archspace("demo", segmenter, tmp_path / "empty", *out), "holds no image")
    assert not (tmp_path / "out").exists()


def _clip(path: Path, frames: int, rate: int, turned: bool = False) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), min(10 * i, 255), np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = i * (2 if i > 3 else 1), Fraction(1, rate)  # half as fast in the end
            movie.mux(stream.encode(frame))
        movie.mux(stream.encode())
    return path


def test_a_video_becomes_a_video_with_the_same_times(segmenter: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    clip = _clip(tmp_path / "clip.mp4", 8, 10)
    completed = archspace("demo", segmenter, clip, "--out", tmp_path, "--json")
    assert completed.returncode == 0, completed.stderr
    result = json.loads(completed.stdout)
    assert result["frames"] == 8 and result["ended"] == "end" and result["origin"] == "measured"
    assert result["frames_per_second"] == pytest.approx(8 / result["seconds"], rel=0.01)
    assert Path(result["picture"]).name == "clip-2.mp4", "the video itself is kept"
    times = []
    for path in (clip, Path(result["picture"])):
        with av.open(str(path)) as container:
            frames = list(container.decode(video=0))
            times.append([float(frame.time) for frame in frames])
    assert times[0] == pytest.approx(times[1], abs=0.002) and times[0][-1] - times[0][0] > 1.0
    assert (
        frames[0].width % 2 == frames[0].height % 2 == 0
        and [frames[0].height, frames[0].width] == result["size"]
    )
    # The image is on the left, tinted: it grows lighter as the clip does.
    means = [frame.to_ndarray(format="rgb24")[:48, :64].mean() for frame in (frames[0], frames[7])]
    assert means[1] > means[0] + 15


def test_a_video_ends_after_so_many_frames_and_a_broken_one_is_reported(
    segmenter: Path, tmp_path: Path
) -> None:
    clip = _clip(tmp_path / "clip.mkv", 8, 10)
    completed = archspace("demo", segmenter, clip, "--out", tmp_path / "out", "--frames", "3")
    assert completed.returncode == 0 and "3 frames" in completed.stdout and "measured" in completed.stdout, (
        completed.stderr
    )
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    refused(archspace("demo", segmenter, tmp_path / "bad.mp4", "--out", tmp_path / "bad"), "bad.mp4", "video")
    assert not (tmp_path / "bad").exists()


def test_a_video_that_is_stopped_is_kept_until_there(
    segmenter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes while the tenth frame is at work."""
    av = pytest.importorskip("av")
    clip, out = _clip(tmp_path / "long.mp4", 40, 25), tmp_path / "out"
    frames = []

    def upright_until_stopped(frame: object) -> Image.Image:
        frames.append(frame)
        if len(frames) == 10:
            raise KeyboardInterrupt  # as Python's own handler of SIGINT does
        return upright(frame)

    monkeypatch.setattr(video, "upright", upright_until_stopped)
    ran = archspace("demo", segmenter, clip, "--out", out, "--json")
    result = printed(ran.stdout)
    assert ran.returncode == 0 and result["ended"] == "stopped" and result["frames"] == 9
    with av.open(result["picture"]) as container:
        assert sum(1 for _ in container.decode(video=0)) == 9
    assert len(list(out.iterdir())) == 1


def test_without_pyav_a_video_says_how_to_get_it(
    segmenter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    monkeypatch.setitem(sys.modules, "av", None)
    refused(archspace("demo", segmenter, clip), "pip install 'archspace[video]'")
