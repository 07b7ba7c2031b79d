"""A network that a text names, and the registry of the forms that a text may have. No torch until weights are asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.registry import Registry

if TYPE_CHECKING:
    from archspace.network import Network

BUILT_IN = ("analysis.store.picks",)
"""Modules of our other packages that enter forms; they are imported when the first text is read that is no preset."""

PUBLISHED_SUFFIXES = (".pth", ".pt", ".tar")
"""Of files in which authors publish weights."""
FILE_SUFFIXES = (*PUBLISHED_SUFFIXES, ".safetensors", ".onnx", ".yaml", ".yml", ".json")
"""A text that ends so is meant as a file, also where there is none."""

Need: TypeAlias = Literal["spec", "weights", "answers", "any"]
"""What a command needs of a network: its spec; its weights; that it answers (weights, or our ONNX file); any form."""

LACKS: Mapping[Need, str] = {"spec": "does not say its architecture", "weights": "has no weights"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedNetwork:
    """A network that a text names.

    Attributes:
        text: as the user wrote it.
        form: the key of its form in :data:`FORMS`.
        spec: what it is, after changes; ``None`` for an ONNX file that is not of ours.
        weights: the file of its weights, where it has some.
        onnx: its ONNX file, where it has one.
        run: the run folder of a trial, or a training folder.
        trial: label of the trial that was trained.
        lacks: why there are no weights where there might be.
    """

    text: str
    form: str
    spec: ArchSpec | None
    weights: Path | None = None
    onnx: Path | None = None
    run: Path | None = None
    trial: str | None = None
    lacks: str = ""

    @property
    def name(self) -> str:
        """A short name for files made of it: ``espnet``, ``weights-of-net`` or ``scenes-7``."""
        path = Path(self.text)
        if self.run is not None:
            short = "-".join(part for part in (self.run.resolve().name, self.trial) if part)
        elif path.is_dir():
            short = path.resolve().name
        elif self.weights is not None and path.name == self.weights.name and self.form == "checkpoint":
            short = path.resolve().parent.name if path.stem == "weights" else path.stem
        else:
            short = path.stem if path.suffix in FILE_SUFFIXES else path.name
        return re.sub(r"[^\w.-]+", "_", short) or "network"

    @property
    def published(self) -> bool:
        """Whether the weights are their authors' own file."""
        return self.weights is not None and self.weights.suffix in PUBLISHED_SUFFIXES

    def changed(self, changes: Mapping[str, Any]) -> NamedNetwork:
        """Returns the network with fields of its spec replaced, by name.

        Raises:
            InputError: a change breaks a rule, or the network does not say its spec.
        """
        if not changes:
            return self
        if self.spec is None:
            name, value = next(iter(changes.items()))
            raise FieldError(name, value, f"{self.text} has its own, which it does not say", "leave it out")
        spec = self.spec.replace(**changes)
        same = self.spec.arch_id == spec.replace(input_size=self.spec.input_size).arch_id
        if self.form == "trial" and not same:
            return replace(self, spec=spec, weights=None, lacks="it was changed")
        return replace(self, spec=spec)

    def notes(self) -> Mapping[str, Any]:
        """Returns what was saved with the weights (names of the classes, how they were trained); empty if nothing."""
        if self.weights is None or self.published:
            return {}
        from archspace.checkpoint import describe

        return describe(self.weights).notes

    def load(self) -> Network:
        """Returns the network with its weights, on the CPU and in eval mode.

        An ONNX file of ours without weights answers by ONNX Runtime
        (:class:`archspace.export.onnx_network.OnnxNetwork`).

        Raises:
            InputError: it has no weights, the file is broken, or another field than the input size was changed.
        """
        if self.weights is None and self.onnx is not None and self.spec is not None:
            from archspace.export.onnx_network import OnnxNetwork

            return OnnxNetwork(self.onnx, self.spec)
        if self.weights is None or self.spec is None:
            raise unfit(self, "weights", "SPEC")
        from archspace.checkpoint import load, refitted

        if self.published:
            from archspace.published import load_published

            return refitted(load_published(self.weights), self.spec)
        return refitted(load(self.weights), self.spec)

    def build(self) -> Network:
        """Returns the network in eval mode: with its weights where it has some, else freshly initialised.

        Raises:
            InputError: as :meth:`load`, or it is a foreign ONNX file.
        """
        if self.weights is not None:
            return self.load()
        if self.spec is None:
            raise unfit(self, "spec", "SPEC")
        from archspace.build import build

        return build(self.spec).eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A way to write a network.

    Attributes:
        written: how a user writes it, for messages.
        gives: what such a network has.
        read: from the text to the network; ``None`` where the text is not of this form. Raises ``InputError`` where
            it is, but nothing can be made of it.
    """

    written: str
    gives: frozenset[Need]
    read: Callable[[str], NamedNetwork | None]


FORMS: Registry[Form] = Registry("form of a network")
"""By name; a later one is asked first, as it is the more special one, but a preset is a preset."""


def enter_form(name: str, written: str, *gives: Need) -> Callable[[Reader], Reader]:
    """Returns the decorator that enters a reader in :data:`FORMS`; see :class:`Form` for the arguments."""

    def enter(read: Reader) -> Reader:
        FORMS.register(name)(Form(written=written, gives=frozenset((*gives, "any")), read=read))
        return read

    return enter


Reader: TypeAlias = Callable[[str], NamedNetwork | None]


@cache
def enter_built_in() -> None:
    """Imports the modules of our other packages that enter forms."""
    for module in BUILT_IN:
        import_module(module)


def unfit(named: NamedNetwork, need: Need, field: str) -> InputError:
    """Returns the error of a network that lacks what is needed; it has the forms that do not."""
    reason = LACKS["spec" if named.spec is None else "weights"] + (f" ({named.lacks})" if named.lacks else "")
    return InputError(f"{field}: {named.text!r}: {reason}; takes {written(need)}")


def written(need: Need) -> str:
    """Returns the forms that give what is needed, in words."""
    enter_built_in()
    *most, last = (form.written for form in FORMS.values() if need in form.gives)
    return f"{', '.join(most)} or {last}"
