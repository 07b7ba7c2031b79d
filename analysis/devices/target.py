"""What is measured: a network of ours, or a foreign ONNX file; and from what a user names to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from archspace.network import Network


RANGING = 4
"""Random inputs that say the ranges of INT8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A network as every device takes it: ``network`` in eval mode, or ``onnx``; the other is ``None``.

    Attributes:
        label: for people.
        arch_id: ``None`` for a foreign file.
        input_size: (H, W) in pixels, or (T, 1) for a sequence of T tokens.
        channels: of the input.
        network: of ours.
        onnx: a file with one input of fixed shape (N, C, H, W).
    """

    label: str
    arch_id: str | None
    input_size: tuple[int, int]
    channels: int
    network: Network | None = None
    onnx: Path | None = None

    @classmethod
    def of(cls, network: Network) -> Target:
        """Returns a network of ours, in eval mode from now on."""
        spec = network.spec
        return cls(
            label=spec.label, arch_id=spec.arch_id, input_size=spec.input_size, channels=spec.channels,
            network=network.eval(),
        )  # fmt: skip

    def example(self, batch: int = 1) -> Tensor:
        """Returns an input of random numbers, the same each time.

        (N, C, H, W), or tokens (N, T) for a language model.
        """
        import torch

        generator = torch.Generator().manual_seed(0)
        if self.network is None:
            return torch.randn(batch, self.channels, *self.input_size, generator=generator)
        like = self.network.example(batch)
        if like.is_floating_point():
            return torch.randn(like.shape, generator=generator)
        return torch.randint(0, self.network.spec.classes, like.shape, generator=generator)

    def onnx_file(self, folder: Path, batch: int = 1, opset: int | None = None, summed: bool = False) -> Path:
        """Returns the network as an ONNX file of fixed shapes, batch norms folded.

        A foreign file is itself, if it fits.

        Args:
            folder: of this target alone; where a file is written, if one must be and is not there yet.
            batch: inputs of a run.
            opset: the latest operator set that the reader knows; TensorRT 8.2 needs 13 or less.
            summed: PReLU as a sum, as the format ``onnx`` ships it for ONNX Runtime.

        Raises:
            InputError: the network is recurrent, or needs what the operator set does not have.
            FieldError: a foreign file has another batch.
        """
        if self.onnx is not None:
            return self._foreign(self.onnx, folder, batch, opset)
        from archspace.export.deploy import deployed
        from archspace.export.onnx_model import OUTPUT_NAME, write_onnx

        assert self.network is not None
        spec = self.network.spec
        if spec.task == "language":
            raise InputError(
                f"{self.label}: is recurrent, which has no ONNX form here; use runtime torch or compile"
            )
        outputs = ("confidences", "locations") if spec.task == "detection" else (OUTPUT_NAME,)
        path = (
            folder / f"{self.arch_id or 'network'}-b{batch}-opset{opset or 'latest'}{'-summed' * summed}.onnx"
        )
        if path.exists():
            return path
        metadata = {"arch_id": spec.arch_id, "spec": spec.to_dict()}
        network = deployed(self.network).cpu().float()
        write_onnx(network, self.example(batch), path, metadata, opset=opset, outputs=outputs, summed=summed)
        return path

    def int8_file(self, folder: Path, batch: int = 1) -> Path:
        """Returns the network as an ONNX file whose convolutions and linear layers are INT8 (QDQ).

        Its ranges are those of random inputs: latency does not depend on them, answers do.

        Args:
            folder: of this target alone.
            batch: inputs of a run.

        Raises:
            InputError: as :meth:`onnx_file`; or the file is not ours, and runs in the precision that it has.
        """
        from archspace.export.quantisation import quantise_onnx

        path = folder / f"{self.arch_id or 'network'}-b{batch}-int8.onnx"
        if not path.exists():
            path.write_bytes(self._float_file(folder, batch).read_bytes())
            quantise_onnx(path, self.ranging(batch))
        return path

    def ranging(self, batch: int = 1) -> list[NDArray[Any]]:
        """Returns random inputs, the same each time, that say the ranges of INT8 where it is measured alone."""
        from archspace.export.quantisation import runs_of

        return runs_of(self.example(max(RANGING, batch)), batch)

    def _float_file(self, folder: Path, batch: int) -> Path:
        if self.network is None:
            rule = f"{self.label} is an ONNX file, which runs in the precision that it has"
            raise FieldError("precision", "int8", rule, "float32")
        return self.onnx_file(folder, batch)

    def openvino_int8(self, folder: Path, batch: int = 1) -> Any:
        """Returns the network as an OpenVINO model of which the same layers are INT8 as of :meth:`int8_file`.

        Raises:
            InputError: as :meth:`int8_file`; or NNCF is not installed.
        """
        from importlib.util import find_spec

        import openvino

        if find_spec("nncf") is None:
            raise InputError(
                "precision: 'int8': nncf is not installed; install it with: pip install 'archspace[int8]'"
            )
        from archspace.export.nncf_quantisation import quantise_openvino

        path = self._float_file(folder, batch)
        return quantise_openvino(openvino.Core().read_model(str(path)), path, self.ranging(batch)).model

    def _foreign(self, path: Path, folder: Path, batch: int, opset: int | None) -> Path:
        import onnx

        from archspace.export.onnx_lowering import lowered

        model = onnx.load(str(path))
        fixed = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
        if batch != fixed:
            raise FieldError("batch", batch, f"{path.name} has a fixed batch", fixed)
        if opset is None or all(known.version <= opset for known in model.opset_import if not known.domain):
            return path
        made = folder / f"{path.stem}-opset{opset}.onnx"
        made.write_bytes(lowered(model, opset).SerializeToString())
        return made


def open_target(
    text: str,
    *,
    task: str | None = None,
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> Target:
    """Returns what ``text`` names: with its weights where it has some, else freshly built; an .onnx file is opened.

    Raises:
        InputError: nothing has that name, or an option cannot be honoured by a network that exists already.
    """
    named = find_network(text, accept="any")
    if named.form == "onnx" and named.onnx is not None:
        for name, value in (("task", task), ("classes", classes)):
            if value is not None:
                raise FieldError(name, value, "an ONNX file has its own", "leave it out")
        return _onnx(named.onnx, input_size)
    given = {"task": task, "classes": classes, "input_size": input_size}
    return Target.of(named.changed({k: v for k, v in given.items() if v is not None}).build())


def _onnx(path: Path, input_size: tuple[int, int] | None) -> Target:
    from archspace.export.onnx_model import open_session

    session = open_session(path)
    shape = session.get_inputs()[0].shape
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape):
        raise InputError(f"{path}: its input has shape {shape}; must be a fixed (N, C, H, W)")
    size = (shape[2], shape[3])
    if input_size not in (None, size):
        raise FieldError("input", input_size, "the file has a fixed input size", size)
    return Target(
        label=path.name, input_size=size, channels=shape[1], onnx=path,
        arch_id=session.get_modelmeta().custom_metadata_map.get("archspace.arch_id", "").strip('"') or None,
    )  # fmt: skip
