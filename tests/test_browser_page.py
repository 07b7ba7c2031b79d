"""The page of the guide to browsers segments an image as ONNX Runtime does, in a real Chromium.

ONNX Runtime Web is large and comes from npm: ``ARCHSPACE_ONNXRUNTIME_WEB`` names the ``dist`` folder of its package.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from archspace.class_names import ClassNames
from archspace.export.export import export
from archspace.preprocessing import Preprocessing
from tests.archspace.export.runs import SEGMENTER
from tests.archspace.export.trained import lived_in, trained
from tests.reports.browser import chromium

PAGE = Path(__file__).parents[1] / "docs" / "examples" / "browser" / "index.html"
WEB = os.environ.get("ARCHSPACE_ONNXRUNTIME_WEB")
NEEDED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
NAMES = ("road", "sky", "tree", "<b>car</b>")

pytestmark = pytest.mark.slow


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder at an address of this machine: a browser starts no WebAssembly from files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *said: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def site(folder: Path) -> None:
    """The files as the guide lays them: page, runtime, export."""
    assert WEB is not None
    shutil.copy(PAGE, folder)
    (folder / "onnxruntime-web").mkdir()
    for name in NEEDED:
        shutil.copy(Path(WEB) / name, folder / "onnxruntime-web")
    network = lived_in(trained(SEGMENTER))
    network.class_names = ClassNames(NAMES)
    how = Preprocessing(channel_order="bgr", mean=(0.4, 0.45, 0.5), std=(0.2, 0.25, 0.3))
    export(network, folder / "exported", preprocessing=how)


def test_the_page_says_what_it_lacks(tmp_path: Path) -> None:
    shutil.copy(PAGE, tmp_path)
    with served(tmp_path) as address, chromium() as browser:
        page = browser.new_page()

        def said_at(url: str) -> str:
            page.goto(url)
            page.wait_for_function(
                "document.getElementById('said').textContent.startsWith('Reading') === false"
            )
            assert page.locator("#picture").is_disabled()
            return str(page.locator("#said").inner_text())

        assert "http.server" in said_at((tmp_path / PAGE.name).as_uri())
        assert "ort.wasm.min.mjs is missing" in said_at(f"{address}/{PAGE.name}")
        (tmp_path / "onnxruntime-web").mkdir()
        (tmp_path / "onnxruntime-web" / NEEDED[0]).write_text("export const env = {};")
        assert "nosuch/card.json is missing" in said_at(f"{address}/{PAGE.name}?network=nosuch")


@pytest.mark.skipif(WEB is None, reason="ARCHSPACE_ONNXRUNTIME_WEB names no ONNX Runtime Web")
def test_the_page_segments_as_onnx_runtime_does(tmp_path: Path) -> None:
    site(tmp_path)
    height, width = SEGMENTER.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    x = (pixels[:, :, ::-1] / 255 - (0.4, 0.45, 0.5)) / (0.2, 0.25, 0.3)
    session = onnxruntime.InferenceSession(str(tmp_path / "exported" / "model.onnx"))
    (scores,) = session.run(None, {"image": x.transpose(2, 0, 1)[None].astype(np.float32)})
    best = scores[0].argmax(0)
    with served(tmp_path) as address, chromium() as browser:
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/index.html")
        page.wait_for_selector("#picture:enabled", timeout=60_000)
        page.locator("#opacity").fill("100")
        page.set_input_files("#picture", tmp_path / "photo.png")
        page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
        shares = page.locator("#legend li").all_inner_texts()
        said = page.locator("#said").inner_text()
        address_of = page.evaluate("document.getElementById('shown').toDataURL()")
        page.goto(f"{address}/index.html?network=nosuch")
        page.wait_for_function("document.getElementById('said').textContent.startsWith('Reading') === false")
        assert page.locator("#picture").is_disabled()
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(address_of.partition(",")[2]))).convert("RGB"))
    palette = np.array([list(colour) for colour in ClassNames(NAMES).shown], np.uint8)
    assert (shown == palette[best]).all(2).mean() > 0.999
    counts = np.bincount(best.ravel(), minlength=4)
    order = sorted((i for i in range(4) if counts[i]), key=lambda i: -counts[i])
    assert shares == [f"{NAMES[i]} {100 * counts[i] / best.size:.1f} %" for i in order]
    assert said.endswith(" ms") and not wrong
