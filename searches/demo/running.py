"""One call of ``archspace demo``: from its words to pictures, and what is said of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError
from archspace.support.files import replacing
from searches.data.images import image_array, open_image
from searches.demo.detecting import Objects
from searches.demo.drawing import drawn
from searches.demo.inputs import find_inputs, picture_paths
from searches.demo.predicting import Mask, Prediction, Predictor, open_predictor
from searches.demo.video import expected_frames, film, opened, pyav
from searches.tasks.base import Size
from searches.training.device import check_device

NAMED = 8


def demo(
    text: str, source: Path | None, *, webcam: int | None, out: Path | None, size: Size | None,
    labels: str | None, device: str, threshold: float | None, frames: int | None, side_by_side: bool, as_json: bool,
) -> None:  # fmt: skip
    """Shows what a trained network sees in ``source`` (an image, a folder, a video) or a webcam, and prints it.

    Raises:
        InputError: anything the user gave cannot be used.
    """
    named = find_network(text, accept="answers", field="NET")
    if (source is None) == (webcam is None):
        raise InputError("IMAGE: name an image, a folder or a video, or give --webcam N (one of both)")
    check_device(device)
    inputs = None if source is None else find_inputs(source)
    if inputs is None or inputs.video is not None:
        pyav()
    elif frames is not None:
        raise FieldError("--frames", frames, "ends a video or a webcam; this is none", "leave it out")
    predictor = open_predictor(
        named, size=size, labels=labels, device=torch.device(device), threshold=threshold
    )
    folder = out or Path("demo") / named.name
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out: {folder}: is a file; give a folder")
    console = Console(stderr=True, highlight=False)
    result: dict[str, Any] = {
        "checkpoint": text, "network": predictor.network.spec.label,
        "arch_id": predictor.network.spec.arch_id,
        "task": predictor.network.spec.task, "input_size": list(predictor.size), "device": device,
        "names_from": predictor.named_by, "out": str(folder),
    }  # fmt: skip
    if inputs is not None and inputs.images:
        result |= _images(predictor, inputs.images, folder, side_by_side, console)
        result["left_out"] += [{"file": name, "reason": "no image"} for name in inputs.left_out]
    else:
        shown = webcam if inputs is None else inputs.video
        assert shown is not None
        result |= _video(predictor, shown, folder, frames, side_by_side, console)
    _say(result, as_json, console)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _images(
    predictor: Predictor, images: tuple[Path, ...], folder: Path, side_by_side: bool, console: Console
) -> dict[str, Any]:
    """A picture of each image; those of several that cannot be read are left out and named."""
    rows, left_out = [], []
    with _bar(console) as bar:
        for path, target in bar.track(
            list(zip(images, picture_paths(images, folder), strict=True)), description="looking"
        ):
            try:
                rows.append(_image(predictor, path, target, side_by_side))
            except InputError as error:
                if len(images) == 1 or not str(error).startswith(f"{path}: "):
                    raise
                left_out.append({"file": path.name, "reason": str(error).removeprefix(f"{path}: ")})
    if not rows:
        raise InputError(
            f"{images[0].parent}: none of {len(images)} images can be read: {left_out[0]['reason']}"
        )
    return {"images": rows, "left_out": left_out}


def _image(predictor: Predictor, path: Path, target: Path, side_by_side: bool) -> dict[str, Any]:
    image = open_image(path, str(path))
    begun = time.perf_counter()
    prediction = predictor.see(image, str(path))
    seconds = time.perf_counter() - begun
    plain = Image.fromarray(image_array(image, (image.height, image.width), 3, str(path)))
    picture = drawn(plain, prediction, predictor.names, predictor.colours, side_by_side=side_by_side)
    with replacing(target) as temporary:
        picture.save(temporary, format="PNG")
    return {
        "image": str(path), "picture": str(target), "size": [image.height, image.width],
        "seconds": round(seconds, 4), **facts(prediction, predictor.names),
    }  # fmt: skip


def facts(prediction: Prediction, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns what was seen as plain data: shares of the image by class, probabilities, or objects."""
    if isinstance(prediction, Mask):
        order = sorted(range(len(names)), key=lambda i: -prediction.shares[i])
        return {"shares": {names[i]: float(prediction.shares[i]) for i in order if prediction.shares[i] > 0}}
    if isinstance(prediction, Objects):
        listed = zip(
            prediction.corners.tolist(), prediction.scores.tolist(), prediction.labels.tolist(), strict=True
        )
        return {
            "objects": [
                {"name": names[i], "score": score, "corners": corners} for corners, score, i in listed
            ]
        }
    pairs = zip(prediction.classes.tolist(), prediction.probabilities.tolist(), strict=True)
    return {"classes": [{"name": names[i], "index": i, "probability": chance} for i, chance in pairs]}


def _video(
    predictor: Predictor,
    source: Path | int,
    folder: Path,
    most: int | None,
    side_by_side: bool,
    console: Console,
) -> dict[str, Any]:
    """A video of what is seen in another, or in what a webcam shows."""
    name = f"webcam-{source}" if isinstance(source, int) else str(source)
    stem = name if isinstance(source, int) else source.stem
    target = folder / f"{stem}.mp4"
    if isinstance(source, Path) and target.resolve() == source.resolve():
        target = folder / f"{stem}-2.mp4"
    inside = 0.0

    def show(frame: Image.Image) -> Image.Image:
        nonlocal inside
        begun = time.perf_counter()
        prediction = predictor.see(frame, name)
        inside += time.perf_counter() - begun
        return drawn(
            frame,
            prediction,
            predictor.names,
            predictor.colours,
            side_by_side=side_by_side,
            fixed=True,
            even=True,
        )

    with opened(source) as container, _bar(console) as bar:
        if isinstance(source, int) and most is None:
            console.print(f"recording {name} into {target}; Ctrl-C ends it")
        line = bar.add_task("looking", total=most or expected_frames(container))
        shot = film(container, name, target, show, most=most, on_frame=lambda: bar.advance(line))
    return {
        "video": name, "picture": str(target), "size": list(shot.size), "frames": shot.frames, "ended": shot.ended,
        "seconds": round(shot.seconds, 3), "frames_per_second": round(shot.frames / shot.seconds, 3),
        "network_seconds": round(inside, 3), "origin": "measured", "left_out": [],
    }  # fmt: skip


def _say(result: dict[str, Any], as_json: bool, console: Console) -> None:
    """Prints what was seen; what was left out goes to standard error in one line."""
    left_out = result["left_out"]
    if left_out:
        named = ", ".join(f"{item['file']} ({item['reason']})" for item in left_out[:NAMED])
        more = "" if len(left_out) <= NAMED else f" and {len(left_out) - NAMED} more"
        console.print(f"left out: {named}{more}", markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps(result))  # noqa: T201
        return
    said = Console(highlight=False)
    size = "x".join(map(str, result["input_size"]))
    said.print(
        f"{result['network']} at {size} on {result['device']}; names from {result['names_from']}",
        markup=False,
        soft_wrap=True,
    )
    for line in _lines(result):
        said.print(line, markup=False, soft_wrap=True)


def _lines(result: dict[str, Any]) -> Iterator[str]:
    for row in result.get("images", ()):
        if "shares" in row:
            names = [f"{name} {100 * share:.1f} %" for name, share in row["shares"].items()]
        elif "objects" in row:
            names = [f"{item['name']} {100 * item['score']:.0f} %" for item in row["objects"]]
        else:
            names = [f"{item['name']} {100 * item['probability']:.1f} %" for item in row["classes"]]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"{row['picture']}: {', '.join(names[:NAMED]) or 'nothing found'}{more}"
    if "frames" in result:
        each = 1000 * result["network_seconds"] / result["frames"]
        yield (
            f"{result['picture']}: {result['frames']} frames, {result['frames_per_second']:.1f} frames/s measured "
            f"(decoding, network, drawing and encoding; the network {each:.1f} ms of each)"
        )
