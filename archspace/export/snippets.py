"""The program of a card: an image to named classes with ONNX Runtime, NumPy and Pillow alone. No torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def onnx_example(card: Mapping[str, Any]) -> str:
    """Returns a whole program that shows what the exported network sees in ``photo.jpg``.

    It is run from the folder that holds the export, and reads names and colours of the classes from ``card.json``.
    """
    name, task = card["name"], card["spec"]["task"]
    head = ["import json", "", "import numpy as np", "import onnxruntime"]
    picture = task != "language"
    head += ["from PIL import Image"] if picture else []
    lines = [
        *head,
        "",
        f'card = json.load(open({quoted(name, "card.json")}, encoding="utf-8"))',
        "session = onnxruntime.InferenceSession(",
        f'    {quoted(name, "model.onnx")}, providers=["CPUExecutionProvider"]',
        ")",
        *([_NAMES.replace("CLASSES", _count(card))] if picture else ()),
        "",
        *(_image(card) if picture else ()),
        *_SHOWN["nms" if card["nms"] else task](card),
    ]
    return "\n".join(lines)


def quoted(folder: str, *file: str) -> str:
    """Returns a path as Python writes it between double quotes, whatever characters the folder's name has."""
    return json.dumps("/".join((folder, *file)), ensure_ascii=False)


_NAMES = 'names = card["classes"] or [f"class {i}" for i in range(CLASSES)]'


def _count(card: Mapping[str, Any]) -> str:
    """How many classes are named; a detector's background is none."""
    classes = card["spec"]["classes"]
    return str(classes - 1 if card["spec"]["task"] == "detection" else classes)


def _image(card: Mapping[str, Any]) -> list[str]:
    height, width = card["spec"]["input_size"]
    how = card["preprocessing"]
    mode = "L" if card["spec"]["channels"] == 1 else "RGB"
    opened = [
        f'image = Image.open("photo.jpg").convert("{mode}")',
        f"small = image.resize(({width}, {height}), Image.Resampling.BILINEAR)",
        "pixels = np.asarray(small, np.float32)" + ("[:, :, None]" if mode == "L" else ""),
    ]
    if how is None:
        return [
            *opened,
            "# its preprocessing is not recorded: do here what it was trained with",
            *_batch(card),
        ]
    return [
        *opened,
        *(["pixels = pixels[:, :, ::-1]  # blue, green, red"] if how["channel_order"] == "bgr" else []),
        f"pixels = (pixels / {how['divisor']:g} - {_list(how['mean'])}) / {_list(how['std'])}",
        *_batch(card),
    ]


def _list(values: list[float]) -> str:
    return "np.array([" + ", ".join(repr(float(value)) for value in values) + "])"


def _batch(card: Mapping[str, Any]) -> list[str]:
    batch = card["input"]["shape"][0]
    lines = ["x = pixels.transpose(2, 0, 1)[None].astype(np.float32)"]
    if isinstance(batch, int) and batch > 1:
        lines.append(f"x = np.repeat(x, {batch}, 0)  # this file takes {batch} images at once")
    return lines


def _scores(card: Mapping[str, Any]) -> list[str]:
    return ['scores = session.run(["scores"], {"image": x})[0][0]']


def _classification(card: Mapping[str, Any]) -> list[str]:
    return [
        *_scores(card),
        "chances = np.exp(scores - scores.max())",
        "chances /= chances.sum()",
        "for i in np.argsort(-chances)[:5]:",
        '    print(f"{names[i]}: {chances[i]:.1%}")',
    ]


def _multilabel(card: Mapping[str, Any]) -> list[str]:
    return [
        *_scores(card),
        "chances = 1 / (1 + np.exp(-scores))",
        'for i in np.flatnonzero(chances >= card["thresholds"]["score"]):',
        '    print(f"{names[i]}: {chances[i]:.1%}")',
    ]


def _segmentation(card: Mapping[str, Any]) -> list[str]:
    return [
        *_scores(card),
        "classes = scores.argmax(0)",
        "for i in np.unique(classes):",
        '    print(f"{names[i]}: {(classes == i).mean():.1%} of the image")',
        'colours = np.array(card["palette"], np.uint8)',
        "painted = Image.fromarray(colours[classes]).resize(image.size, Image.Resampling.NEAREST)",
        'painted.save("classes.png")',
    ]


def _detection(card: Mapping[str, Any]) -> list[str]:
    return [
        'boxes, scores = (y[0] for y in session.run(["boxes", "scores"], {"image": x}))',
        "boxes = boxes.clip(0, 1)",
        "for i, name in enumerate(names):",
        '    order = np.flatnonzero(scores[:, i] >= card["thresholds"]["score"])',
        "    order = order[np.argsort(-scores[order, i])]",
        "    while len(order):",
        "        best, order = order[0], order[1:]",
        "        box = boxes[best]",
        "        left, top, right, bottom = box * (image.width, image.height, image.width, image.height)",
        '        print(f"{name}: {scores[best, i]:.1%} at {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}")',
        "        low, high = np.maximum(box[:2], boxes[order, :2]), np.minimum(box[2:], boxes[order, 2:])",
        "        shared = (high - low).clip(0).prod(1)",
        "        areas = (boxes[order, 2:] - boxes[order, :2]).prod(1) + (box[2:] - box[:2]).prod() - shared",
        '        order = order[shared <= card["thresholds"]["overlap"] * areas]',
    ]


def _suppressed(card: Mapping[str, Any]) -> list[str]:
    return [
        'boxes, scores, labels = session.run(["boxes", "scores", "labels"], {"image": x})',
        "for box, score, i in zip(boxes, scores, labels):",
        "    left, top, right, bottom = box * (image.width, image.height, image.width, image.height)",
        '    print(f"{names[i]}: {score:.1%} at {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}")',
    ]


def _language(card: Mapping[str, Any]) -> list[str]:
    texts, length = card["input"]["shape"]
    first = texts if isinstance(texts, int) else 1
    return [
        f"tokens = np.zeros(({first}, {length}), np.int64)  # numbers of the words, in the order of the training's",
        "state = {",
        '    one["name"]: np.zeros([side if isinstance(side, int) else 1 for side in one["shape"]], np.float32)',
        '    for one in card["inputs"][1:]',
        "}",
        'names = [one["name"] for one in card["outputs"]]',
        'scores, *after = session.run(names, {"tokens": tokens, **state})',
        "state = dict(zip(state, after))  # the next window begins with it",
        'print("likeliest next word:", scores[0, -1].argmax())',
    ]


_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "classification": _classification, "multilabel": _multilabel, "segmentation": _segmentation,
    "detection": _detection, "nms": _suppressed, "language": _language,
}  # fmt: skip
"""How a task's scores are shown."""
