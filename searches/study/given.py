"""The networks that a study is given, beside those that it samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.store.records import TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network, read_spec
from archspace.support.errors import FieldError, InputError
from searches.config.parts import Given, fixed_by_data
from searches.config.study import StudyConfig

if TYPE_CHECKING:
    from searches.study.trials import Trials

LASTING = ("preset", "spec file")
"""Forms that a study keeps as they are written; any other may name another network tomorrow (``RUN:knee``)."""


def settled(config: StudyConfig) -> StudyConfig:
    """Returns the study with the fields of every given network that is named by a run, a folder or weights.

    So the study stays what it is when they change or go.

    Raises:
        InputError: a given network is of no form that has a spec.
    """
    given: list[str | Given] = []
    for one in config.given:
        name = one if isinstance(one, str) else one.spec
        if isinstance(name, str):
            named = find_network(name, field="given")
            if named.form not in LASTING and named.spec is not None:
                fields = named.spec.to_dict()
                kept = Given(name=name, spec=fields) if isinstance(one, str) else one
                one = kept.model_copy(update={"spec": fields})
        given.append(one)
    return config.model_copy(update={"given": tuple(given)})


def fitted(given: Given, fixed: Mapping[str, Any]) -> ArchSpec:
    """Returns a given network for the study's task and data."""
    spec = given_spec(given.spec)
    return spec.replace(**{name: fixed[name] for name in fixed_by_data(fixed["task"])})


def check_weights(config: StudyConfig, fixed: Mapping[str, Any], words: Sequence[str] = ()) -> None:
    """Refuses weights that are for other data, before anything is trained.

    Args:
        config: the study.
        fixed: what its data determine of every network.
        words: the vocabulary of a text.

    Raises:
        InputError: a network is for another task, other classes or channels, or knows other words.
    """
    for one in config.reference:
        if one.weights is None:
            continue
        named = find_network(str(one.weights), accept="weights", field="weights")
        spec = given_spec(one.spec)
        for name in (name for name in fixed_by_data(config.task) if name != "input_size"):
            if getattr(spec, name) != fixed[name]:
                rule = f"{one.name} is a checkpoint for another value; the study's data have {fixed[name]}"
                raise FieldError(name, getattr(spec, name), rule, fixed[name])
        if config.task == "language" and named.notes().get("classes") != list(words):
            raise InputError(f"{one.weights}: knows other words than those of the study's text")


def given_spec(name: str | Mapping[str, Any]) -> ArchSpec:
    """Returns the spec of a named network or of plain fields."""
    return read_spec(name, field="given") if isinstance(name, str) else ArchSpec.from_dict(name)


def answering(config: StudyConfig, kinds: Iterable[Trials], arch_id: str) -> TrialRecord | None:
    """Returns a trial of a network that was trained as all are: its numbers hold for another one of it too."""
    apart = {one.name for one in config.reference if not one.alike}
    known = (record for trials in kinds for record in trials.of_network(arch_id))
    return next((record for record in known if record.values and record.given not in apart), None)
