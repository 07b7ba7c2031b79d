"""What a study thinks of networks before it trains one: screens, zero-cost scores, predicted latencies. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from archspace.support.errors import FieldError, closest
from searches.config.parts import Part

SCORE_NAMES = ("grad_norm", "snip", "synflow", "jacob_cov", "naswot", "zico", "zen")
"""Zero-cost scores (:data:`searches.judging.zero_cost.SCORES`)."""


class ZeroCost(Part):
    """Zero-cost scores: what an untrained network and one batch say of it; each costs a few passes of a batch.

    Attributes:
        scores: names: `synflow`, `snip`, `grad_norm`, `jacob_cov`, `naswot`, `zico`, `zen`; several are joined.
        use: `feature`: the predictor reads them as one number more, and learns what it is worth; `filter`: of the
            networks that are scored, the better half by the mean of their ranks goes on.
        networks: at each suggestion, the most promising so many are scored.
        images: of the training split, in two batches.
    """

    scores: tuple[str, ...] = ("synflow", "naswot")
    use: Literal["feature", "filter"] = "feature"
    networks: int = Field(16, ge=2)
    images: int = Field(32, ge=4)

    @field_validator("scores")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise FieldError(
                "judging.screen.zero_cost.scores", list(names), "at least one score", ["synflow"]
            )
        for name in names:
            if name not in SCORE_NAMES:
                near = closest(name, list(SCORE_NAMES))
                raise FieldError("judging.screen.zero_cost.scores", name, "unknown score", near)
        return names


class ScreenConfig(Part):
    """Each suggestion is the best of many networks that are counted and predicted, not trained.

    Attributes:
        candidates: networks that are looked at for each suggestion.
        mutated: the share of them that differ from a network of the front in a field or two; others are random.
        zero_cost: scores of untrained networks that help the predictor; none if left out.
    """

    candidates: int = Field(384, ge=8)
    mutated: float = Field(0.5, ge=0, le=1)
    zero_cost: ZeroCost | None = None


class Screens(Part):
    """What is known of networks before they are trained.

    Attributes:
        screen: suggest the network of the largest expected gain in hypervolume for its cost, by exact counts and a
            predictor that learns from the finished trials; it is the sampler `screened`.
        latency: a predictor that `archspace calibrate` made (a file, or `cpu`): a network that it says to break a limit
            on the latency by more than its stated error is not trained, and a screen takes its latencies from it.
    """

    screen: ScreenConfig | None = None
    latency: str | None = None
