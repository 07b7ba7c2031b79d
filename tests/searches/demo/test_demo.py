"""What the demo sees and draws: labels at the image's size, legends, boxes, names of files."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from analysis.drawing.overlays import OPACITY
from archspace.build import build
from archspace.class_names import NAMED, colours_of
from archspace.detection.priors import prior_boxes
from archspace.export.export import export
from archspace.export.signature import ExportOptions
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network
from searches.demo import predicting
from searches.demo.detecting import Objects, objects_of
from searches.demo.drawing import LEAST_HEIGHT, Row, drawn, panel, rows_of, with_classes
from searches.demo.inputs import find_inputs, picture_paths
from searches.demo.predicting import PREDICTIONS, Mask, Outcome, Ranking, labels_at, open_predictor
from tests.archspace.export.runs import MULTILABEL
from tests.archspace.export.trained import trained

NAMES = ("background", "cat", "dog")
COLOURS = ((0, 0, 0), (250, 0, 0), (0, 0, 250))


@pytest.mark.parametrize("size", [(37, 53), (4, 6), (9, 200), (1, 1)])
@pytest.mark.parametrize("strip", [1, 1 << 12, 1 << 30])
def test_labels_are_those_of_the_scores_interpolated_whole(
    size: tuple[int, int], strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "STRIP_BYTES", strip)
    scores = torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole = F.interpolate(scores[None], size, mode="bilinear", align_corners=True)[0].argmax(0)
    assert (labels_at(scores, size) == whole.numpy()).all()


def test_the_background_keeps_the_image_and_classes_are_tinted() -> None:
    image = Image.new("RGB", (4, 2), (100, 100, 100))
    mask = np.array([[0, 1, 1, 2], [0, 0, 2, 2]], np.uint8)
    picture = np.asarray(with_classes(image, mask, COLOURS, NAMES))
    assert (picture[mask == 0] == 100).all()
    cat = 100 * (1 - OPACITY) + OPACITY * np.array(COLOURS[1])
    assert np.abs(picture[mask == 1] - cat).max() <= 1


def test_the_legend_has_the_share_of_each_class_that_is_there() -> None:
    mask = Mask(np.zeros((1, 1), np.uint8), np.array([0.7, 0.0001, 0.2999]))
    rows = rows_of(mask, NAMES, COLOURS)
    assert [(row.name, row.share) for row in rows] == [("background", 0.7), ("dog", 0.2999)]
    swapped = Mask(np.zeros((1, 1), np.uint8), np.array([0.2, 0.3, 0.5]))
    assert [row.name for row in rows_of(swapped, NAMES, COLOURS)] == ["dog", "cat", "background"]
    assert [row.name for row in rows_of(swapped, NAMES, COLOURS, fixed=True)] == list(NAMES)


def test_a_bar_is_as_long_as_its_share() -> None:
    sheet = np.asarray(panel([Row("cat", 0.25, (250, 0, 0), bar=True)], NAMES, 20, 160))
    red = (sheet == (250, 0, 0)).all(-1)
    bar = red[30:].any(0).sum()
    track = (sheet[30:] == (230, 232, 236)).all(-1).any(0).sum()
    assert bar / (bar + track) == pytest.approx(0.25, abs=0.02)


def test_a_panel_counts_what_has_no_room_and_is_of_one_width() -> None:
    names = [f"class {i}" for i in range(40)]
    rows = [Row(name, 1 / 40, (i, 0, 0)) for i, name in enumerate(names)]
    full, empty = panel(rows, names, 12, LEAST_HEIGHT), panel([], names, 12, LEAST_HEIGHT)
    assert full.size == empty.size
    swatches = {tuple(c) for c in np.asarray(full)[:, 18].tolist()}
    assert (0, 0, 0) in swatches and (3, 0, 0) in swatches and (39, 0, 0) not in swatches


def test_a_box_lies_on_its_corners_and_the_surest_is_on_top() -> None:
    objects = objects_of(
        [[0.5, 0.5, 0.9, 0.9], [0.25, 0.25, 0.75, 0.75], [0, 0, 0.1, 0.1]], [0.6, 0.9, 0.2], [1, 2, 1], 0.5
    )
    assert objects.labels.tolist() == [2, 1] and objects.scores == pytest.approx([0.9, 0.6])
    picture = np.asarray(drawn(Image.new("RGB", (200, 200), (90, 90, 90)), objects, NAMES, COLOURS))
    assert tuple(picture[150 - 1, 100]) == COLOURS[2] and tuple(picture[100, 50]) == COLOURS[2]
    assert tuple(picture[178, 150]) == COLOURS[1]
    assert tuple(picture[10, 10]) == (90, 90, 90)
    assert [row.name for row in rows_of(objects, NAMES, COLOURS)] == ["dog", "cat"]


def test_boxes_at_and_beyond_the_edges_can_be_drawn() -> None:
    objects = objects_of(
        [[-1, -1, 2, 2], [0.999, 0.999, 1, 1], [0, 0, 0, 0]], [0.9, 0.8, 0.7], [0, 1, 2], 0.1
    )
    assert objects.corners.min() == 0 and objects.corners.max() == 1
    drawn(Image.new("RGB", (7, 5)), objects, NAMES, COLOURS)
    none = objects_of([], [], [], 0.5)
    assert isinstance(none, Objects) and len(none) == 0
    drawn(Image.new("RGB", (7, 5)), none, NAMES, COLOURS)


def test_classes_are_ranked_and_those_below_the_threshold_are_not_named() -> None:
    scores = torch.tensor([0.0, 3.0, -1.0, 1.0, 1.0, -5.0])
    network = build(ArchSpec("espnetv2", task="classification", classes=6))
    said = Outcome(
        network=network, outputs=torch.stack((-scores, scores)), index=1, image_size=(1, 1), input_size=(1, 1),
        threshold=0.7,
    )  # fmt: skip
    ranking = PREDICTIONS["classification"](said)
    assert isinstance(ranking, Ranking) and ranking.classes.tolist() == [1, 3, 4, 0, 2]
    assert ranking.probabilities == pytest.approx(scores.double().softmax(0)[ranking.classes].numpy())
    present = PREDICTIONS["multilabel"](said)
    assert isinstance(present, Ranking) and present.classes.tolist() == [1, 3, 4]
    assert present.probabilities[1] == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_detectors_boxes_stand_on_the_priors_of_the_input_it_read() -> None:
    network = build(ArchSpec("espnetv2", task="detection", width=0.5, classes=3, input_size=64)).eval()
    size = (128, 64)
    with torch.no_grad():
        confidences, locations = network(torch.zeros(2, 3, *size))
    priors = prior_boxes(size)
    prior = int(np.linalg.norm(priors - (0.4, 0.6, 0.3, 0.2), axis=1).argmin())
    confidences[:] = torch.tensor([20.0, 0.0, 0.0])
    confidences[1, prior], locations[:] = torch.tensor([0.0, 0.0, 2.0]), 0.0
    said = Outcome(
        network=network, outputs=(confidences, locations), index=1, image_size=(480, 640), input_size=size,
        threshold=0.5,
    )  # fmt: skip
    objects = PREDICTIONS["detection"](said)
    assert isinstance(objects, Objects) and objects.labels.tolist() == [1]
    x, y, width, height = priors[prior].tolist()
    assert objects.corners[0] == pytest.approx([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    assert objects.scores[0] == pytest.approx(np.exp(2) / (np.exp(2) + 2))
    assert len(PREDICTIONS["detection"](replace(said, index=0))) == 0
    assert len(PREDICTIONS["detection"](replace(said, threshold=0.9))) == 0


def test_pictures_do_not_collide_with_each_other_or_with_their_sources(tmp_path: Path) -> None:
    for name in ("a.png", "A.jpg", "b.png", "a.png.jpg", "c.jpg"):
        (tmp_path / name).touch()
    images = find_inputs(tmp_path).images
    pictures = picture_paths(images, tmp_path)
    known = [str(path).casefold() for path in (*images, *pictures)]
    assert len(set(known)) == len(known) == 10
    assert picture_paths([tmp_path / "c.jpg"], tmp_path / "out") == [tmp_path / "out" / "c.png"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "least"),
    [
        ("espnet/espnet_p2_q8_cityscapes.pth", {"road": 0.2, "building": 0.2, "sky": 0.01}),
        ("espnet/espnet_c_p2_q8_cityscapes.pth", {"road": 0.2, "building": 0.2, "car": 0.02}),
        ("espnetv2_seg/espnetv2_s_2.0_city_1024x512.pth", {"road": 0.2, "car": 0.03, "vegetation": 0.01}),
    ],
)
def test_published_cityscapes_weights_see_the_street(
    shared: Path, weights: str, least: dict[str, float]
) -> None:
    predictor = open_predictor(
        find_network(str(shared / "weights" / weights)),
        size=None,
        labels=None,
        device=torch.device("cpu"),
        threshold=0.5,
    )
    assert predictor.names == NAMED["cityscapes"] and predictor.colours == colours_of(predictor.names)
    file = shared / "data/images/cityscapes_frankfurt_000000_000294.png"
    with Image.open(file) as image:
        prediction = predictor.see(image, "frankfurt")
    assert isinstance(prediction, Mask) and prediction.classes.shape == (1024, 2048)
    for name, share in least.items():
        assert prediction.shares[predictor.names.index(name)] > share, name
    at = {(640, 1000): "road", (60, 1040): "sky", (180, 960): "vegetation", (300, 1400): "building"}
    for (row, column), name in at.items():
        assert predictor.names[prediction.classes[row, column]] == name, (row, column)


@pytest.mark.slow
def test_published_voc_weights_see_the_cats(shared: Path) -> None:
    weights = shared / "weights/espnetv2_seg/espnetv2_s_1.0_pascal_384x384.pth"
    predictor = open_predictor(
        find_network(str(weights)), size=None, labels=None, device=torch.device("cpu"), threshold=0.5
    )
    with Image.open(shared / "data/images/sample5.jpg") as image:
        prediction = predictor.see(image, "cats")
    assert isinstance(prediction, Mask) and 0.3 < prediction.shares[predictor.names.index("cat")] < 0.5
    assert prediction.shares[[predictor.names.index("cat"), 0]].sum() > 0.99


def test_an_exports_own_thresholds_are_kept(tmp_path: Path) -> None:
    network = trained(MULTILABEL)
    options = ExportOptions(threshold=0.125)
    rgb = Preprocessing(channel_order="rgb", mean=(0.5,) * 3, std=(0.5,) * 3)
    export(network, tmp_path / "net", preprocessing=rgb, options=options)
    for name in ("net", "net/model.onnx"):
        named = find_network(str(tmp_path / name))
        opened = partial(open_predictor, named, size=None, labels=None, device=torch.device("cpu"))
        assert opened(threshold=None).threshold == 0.125
        assert opened(threshold=0.75).threshold == 0.75
