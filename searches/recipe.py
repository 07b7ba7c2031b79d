"""How a network is trained, as data. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """How a network is trained.

    Attributes:
        epochs: passes over the training split.
        batch: images a step.
        optimizer: ``adam`` (decoupled weight decay) or ``sgd`` (Nesterov momentum 0.9).
        lr: learning rate at the start of the schedule.
        weight_decay: on weights of convolutions and linear layers; not on norms, biases and PReLU slopes.
        schedule: ``constant``, ``poly`` (power 0.9) or ``cosine``, by step, to zero at the end.
        warmup: share of all steps over which the rate rises linearly from zero.
        flip: mirror half of the images.
        shift: translate by up to so many pixels.
        class_weights: weight the segmentation loss by 1 / ln(1.10 + p).
        clip: largest gradient norm; 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(10, ge=1)
    batch: int = Field(16, ge=1)
    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    schedule: Literal["constant", "poly", "cosine"] = "cosine"
    warmup: float = Field(0.05, ge=0, lt=1)
    flip: bool = True
    shift: int = Field(0, ge=0)
    class_weights: bool = True
    clip: float = Field(0.0, ge=0)
