"""An exported ONNX file as a network that can be asked: ONNX Runtime answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archspace.class_names import ClassNames
from archspace.export.onnx_model import INPUT_NAME, OUTPUT_NAME, open_session
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from archspace.support.text_files import parse_json


class OnnxNetwork(Network):
    """A file that :func:`archspace.export` wrote, with its spec, preprocessing and class names; it has no parameters.

    Shapes: (N, channels, H, W) of the file's fixed size -> as of the network that was exported. On the CPU.
    """

    def __init__(self, path: Path, spec: ArchSpec) -> None:
        nn.Module.__init__(self)
        self.spec, self.multiple, self.feature_info = spec, 1, ()
        self.session = open_session(path)
        metadata = self.session.get_modelmeta().custom_metadata_map

        def noted(name: str) -> Any:
            key = f"archspace.{name}"
            return parse_json(metadata.get(key, "null"), f"{path}: {key}")

        how = noted("preprocessing")
        self.preprocessing = None if how is None else Preprocessing.from_dict(how)
        notes = {name: noted(name) for name in ("classes", "colours")}
        self.class_names = ClassNames.of_notes(notes)
        self.size = tuple(self.session.get_inputs()[0].shape[2:])
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Returns scores of the classes.

        Raises:
            FieldError: the images are not of the file's size.
        """
        self._check(x)
        if tuple(x.shape[2:]) != self.size:
            raise FieldError("input", tuple(x.shape[2:]), "the ONNX file has a fixed input size", self.size)
        images = (image.numpy() for image in torch.split(x.detach().cpu().float().contiguous(), 1))
        scores = [self.session.run([OUTPUT_NAME], {INPUT_NAME: image})[0] for image in images]
        return torch.from_numpy(np.concatenate(scores)).to(x.device)
