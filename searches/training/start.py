"""The weights with which a training begins, where they are those of another network."""

from __future__ import annotations

import logging

from archspace.network import Network
from archspace.spec.naming import find_network
from archspace.support.errors import InputError
from searches.tasks.base import Task
from searches.tasks.language import Language

log = logging.getLogger(__name__)


def start_from(network: Network, text: str, task: Task) -> None:
    """Puts the weights that ``text`` names into ``network``: the encoder must fit, the head is taken where it does.

    Raises:
        InputError: the encoders differ, or two language models have different words.
    """
    named = find_network(text, accept="weights", field="--init")
    other = named.load()
    try:
        network.encoder.load_state_dict(other.encoder.state_dict())
    except RuntimeError:
        rule = f"has the encoder of {other.spec.label}, not of {network.spec.label}"
        raise InputError(f"--init: {text}: {rule}") from None
    if isinstance(task, Language) and named.notes().get("classes") != list(task.classes):
        raise InputError(f"--init: {text}: knows other words than the training text's")
    try:
        network.head.load_state_dict(other.head.state_dict())
        log.info("%s: encoder and head taken", text)
    except RuntimeError:
        log.info(
            "%s: encoder taken; the head starts afresh, as it is for another task or other classes", text
        )
