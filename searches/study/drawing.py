"""The parameters of a trial, drawn by the study's sampler and entered with the network that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution

from searches.study.claims import Claim
from searches.study.outages import enduring
from searches.study.space import only_value
from searches.study.trials import Trials
from searches.study.turns import NETWORK_ATTR

Named: TypeAlias = Callable[[Mapping[str, Any]], str | None]
"""Gives the id of the network of some parameters; ``None`` where they make none."""


def drawn(
    trials: Trials, claim: Claim, distributions: Mapping[str, BaseDistribution],
    named: Named = lambda params: None,
) -> dict[str, Any]:  # fmt: skip
    """Returns the values of all parameters of a trial; the sampler is asked for those that it does not have yet.

    Raises:
        LeaseLost: another worker has the trial, or has ended it.
    """
    params = enduring(lambda: claim.trial.params)
    if not params:
        asked = enduring(
            lambda: claim.trial.relative_params
        )  # before the storage is held: it may think for seconds
        params = {
            name: asked[name] if name in asked else only_value(distribution)
            for name, distribution in distributions.items()
        }
        arch_id = named(params)
        network = {} if arch_id is None else {NETWORK_ATTR: arch_id}
        values = {name: (value, distributions[name]) for name, value in params.items()}
        enduring(lambda: trials.enter(claim, network, values))
    return {name: params[name] for name in distributions}
