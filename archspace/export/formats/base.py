"""What a format of an export is: what it writes, and the proof that this answers as the network does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.export.signature import ExportOptions, Signature
from archspace.support.errors import FieldError
from archspace.support.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.export import ExportedProgram

    from archspace.export.agreement import Agreement, Sample
    from archspace.export.environments import Extra
    from archspace.export.flat import Flat, Halved
    from archspace.export.quantisation import Calibration, Quantised
    from archspace.network import Network


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is exported.

    Attributes:
        network: on the CPU, float32, in eval mode; not to be changed.
        inputs: (N, C, H, W) preprocessed images by kind: ``random``, and ``real`` where some are given; of a language
            model (N, T) tokens.
        metadata: plain data that a file of the format keeps where it can.
        options: batch, sizes, precision.
        form: the folded network with named tensors as inputs and outputs; not to be changed.
        signature: names, shapes and types of these.
        samples: the runs on which the answers are compared, by kind.
        shown: the signature that files have in the end; another one where doubles are suppressed inside.
        example: inputs with which the form is traced.
        calibration: images for INT8, where that is asked for.
    """

    network: Network
    inputs: Mapping[str, Tensor]
    metadata: Mapping[str, Any]
    options: ExportOptions
    form: Flat | Halved
    signature: Signature
    samples: Mapping[str, tuple[Sample, ...]]
    shown: Signature
    example: tuple[Tensor, ...]
    calibration: Calibration | None = None

    @property
    def calibration_runs(self) -> list[NDArray[Any]]:
        """The images of INT8 as inputs of so many runs of the file's batch."""
        from archspace.export.quantisation import runs_of

        assert self.calibration is not None, "INT8 was asked for"
        return runs_of(
            self.calibration.images, self.options.batch if isinstance(self.options.batch, int) else 1
        )

    @cached_property
    def program(self) -> ExportedProgram:
        """The graph of torch.export; the same for every format."""
        from archspace.export.program import traced

        return traced(self.form, self.example, self.options, self.network)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written and how well it answers.

    Attributes:
        agreements: with torch, by kind of input; each holds. Empty where the format's runtime does not exist here.
        output: shape of the scores of one image; left out, as torch answers.
        unchecked: why answers were not compared, and what was checked instead.
        notes: what else the card says of the file, a line each.
        quantised: in INT8, the network before and after.
    """

    agreements: Mapping[str, Agreement]
    output: tuple[int, ...] | None = None
    unchecked: str = ""
    notes: tuple[str, ...] = ()
    quantised: Quantised | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format.

    Attributes:
        runtime: what reads it, for messages (``ONNX Runtime``).
        files: the files that it writes, and what each is in words.
        write: writes them into a folder, reads them again and compares their answers with torch; raises
            :class:`archspace.export.agreement.ExportError` where they differ or cannot be written.
        abilities: what it can do beside one float32 image of a fixed size: names of
            :attr:`archspace.export.signature.ExportOptions.asked`.
        load: a line of Python that opens it, with ``{folder}`` for the export and ``{threads}`` for those it runs on.
        needs: checks that the packages are there for what is asked, before anything is written; raises ``InputError``.
        extra: packages that may live in an environment of their own.
        tasks: tasks that it can hold; empty for all.
    """

    runtime: str
    files: Mapping[str, str]
    write: Callable[[Source, Path], Exported]
    abilities: frozenset[str] = frozenset()
    load: str = ""
    needs: Callable[[ExportOptions], object] | None = None
    extra: Extra | None = None
    tasks: frozenset[str] = field(default=frozenset())


FORMATS: Registry[Format] = Registry("format")
"""Every format by the name of ``--format``."""


def check_formats(names: Mapping[str, Format], options: ExportOptions, task: str) -> None:
    """Refuses what a format cannot do, and a format whose packages are missing.

    Raises:
        FieldError: an option or a task that a format has no form for; the message names formats that have.
        InputError: a package is missing; the message names what installs it.
    """
    for name, one in names.items():
        for ability, text in options.asked.items():
            if ability not in one.abilities:
                able = ", ".join(n for n, other in FORMATS.items() if ability in other.abilities)
                raise FieldError("--format", name, f"has no form for {text}", able or "leave it out")
        if options.int8 and task == "language":
            raise FieldError("--precision", "int8", "is for networks of images", "float32")
        if one.tasks and task not in one.tasks:
            rule = f"has no form for {task}"
            raise FieldError("--format", name, rule, " or ".join(sorted(one.tasks)))
        if one.needs is not None:
            one.needs(options)
        if one.extra is not None:
            one.extra.check()
