"""How a network is trained, as data. No torch."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import Field, model_validator

from archspace.support.errors import FieldError, closest
from searches.config.parts import Part

Size: TypeAlias = tuple[int, int]
Span: TypeAlias = tuple[float, float]

OF_PIXELS = ("crop", "loss", "ohem")
"""Fields of a stage that only tasks with a target for every pixel have."""
HALVINGS = (51, 101, 131, 161, 191, 221, 251, 281)
"""Epochs at which ESPNetv2 halves its cyclic learning rate on ImageNet."""


class Stage(Part):
    """A stretch of training under fixed settings.

    Attributes:
        epochs: passes over the training split; with ``sizes`` each epoch is one pass at every size.
        batch: images a step; for language, parallel streams of text.
        optimizer: ``sgd``; ``adam`` (decay added to the gradient); ``adamw`` (decoupled decay).
        lr: base learning rate; what it is multiplied by is the schedule's
            (:func:`searches.training.schedules.rate_factor`).
        momentum, nesterov: of ``sgd``.
        weight_decay: on weights.
        decay_norms: the decay is also on norms, biases and PReLU slopes.
        head_lr: factor on the learning rate of the head (decoder, classifier).
        schedule: ``constant``, ``poly`` (power 0.9), ``cosine``, ``linear``, ``step``, ``cyclic`` (warm restarts) or
            ``hybrid`` (cyclic, then linear).
        warmup: share of all steps over which the rate rises linearly.
        warmup_from: what the rate is multiplied by where it begins to rise.
        step_every: epochs between two steps of ``step``.
        gamma: what each step of ``step`` multiplies the rate by.
        cycle: epochs between warm restarts.
        halve_at: epochs at which ``cyclic`` halves its rate.
        restarts_until: first epoch of ``hybrid``'s linear part.
        input_size: (H, W) of this stage; the data's if left out.
        sizes: (H, W) of the passes of one epoch, in order.
        freeze_norms: batch norms keep their statistics, scales and shifts.
        encoder_only: train the network without its decoder (ESPNet-C before ESPNet); the next stage keeps the encoder.
        flip: mirror half of the images.
        shift: translate by up to so many pixels.
        area: share of the image that a random crop covers, aspect 3/4 to 4/3 (classification).
        zoom: random scale of the image around a random crop of the input size (segmentation, detection); below 1 it
            zooms out, and what is outside of the image is void.
        crop: (H, W) of the part of the image, after any zoom, that a step learns from (segmentation); it is judged on
            whole images.
        colour: brightness, contrast and saturation change by up to this share.
        class_weights: weight the segmentation loss by 1 / ln(weight_constant + p), p the share of a class's pixels.
        weight_constant: of ``class_weights``.
        positive_weights: weight the images that have a rare class (multi-label classification).
        loss: ``cross-entropy``, ``focal``, or ``lovasz``: cross-entropy and Lovasz-softmax together (segmentation).
        ohem: learn from the pixels whose true class has at most this probability (online hard example mining,
            segmentation); 0: from all.
        ohem_least: share of the pixels that ``ohem`` keeps at least.
        coarse_labels: compare at the resolution of the scores, with the labels resized, not the scores.
        label_smoothing: share of the target spread over all classes.
        ema: decay of the average of the weights that is kept in the end; 0 for none.
        teacher: what names the weights (a checkpoint, ``RUN:knee``, a published ``.pth``) of a network whose scores
            this one learns beside the targets.
        distillation: share of the teacher in the loss.
        temperature: what the teacher's and the network's scores are softened by.
        precision: of the forward pass (autocast).
        channels_last: memory format of images and weights.
        compile: run the network through torch.compile.
        clip: largest gradient norm; 0 for none.
        evaluate_every: epochs between evaluations on the validation split; 0 for one at the end.
        window: tokens of a window of text (back-propagation through time).
    """

    epochs: int = Field(10, ge=1)
    batch: int = Field(16, ge=1)
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(1e-4, ge=0)
    decay_norms: bool = False
    head_lr: float = Field(1.0, gt=0)
    schedule: Literal["constant", "poly", "cosine", "linear", "step", "cyclic", "hybrid"] = "cosine"
    warmup: float = Field(0.05, ge=0, lt=1)
    warmup_from: float = Field(0.0, ge=0, le=1)
    step_every: int = Field(100, ge=1)
    gamma: float = Field(0.5, gt=0, le=1)
    cycle: int = Field(5, ge=1)
    halve_at: tuple[int, ...] = HALVINGS
    restarts_until: int = Field(61, ge=0)
    input_size: Size | None = None
    sizes: tuple[Size, ...] = ()
    freeze_norms: bool = False
    encoder_only: bool = False
    flip: bool = True
    shift: int = Field(0, ge=0)
    area: Span | None = None
    zoom: Span | None = None
    crop: Size | None = None
    colour: float = Field(0.0, ge=0, le=1)
    class_weights: bool = True
    weight_constant: float = Field(1.10, gt=1)
    positive_weights: bool = False
    loss: Literal["cross-entropy", "focal", "lovasz"] = "cross-entropy"
    ohem: float = Field(0.0, ge=0, lt=1)
    ohem_least: float = Field(0.0625, gt=0, le=1)
    coarse_labels: bool = False
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    ema: float = Field(0.0, ge=0, lt=1)
    teacher: str | None = None
    distillation: float = Field(0.5, ge=0, le=1)
    temperature: float = Field(2.0, gt=0)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    compile: bool = False
    clip: float = Field(0.0, ge=0)
    evaluate_every: int = Field(0, ge=0)
    window: int = Field(70, ge=1)

    @property
    def last_size(self) -> Size | None:
        """(H, W) at which this stage ends; ``None``: that of the data."""
        return self.sizes[-1] if self.sizes else self.input_size

    def refuse_pixels(self) -> None:
        """Refuses what only tasks with a target for every pixel have.

        Raises:
            FieldError: the stage asks for it.
        """
        for name in OF_PIXELS:
            if (value := getattr(self, name)) != Stage.model_fields[name].default:
                raise FieldError(f"training.{name}", value, "is of segmentation", "leave it out")

    @model_validator(mode="after")
    def _ordered(self) -> Stage:
        for name, most in (("area", 1.0), ("zoom", 16.0)):
            span = getattr(self, name)
            if span is not None and not 0 < span[0] <= span[1] <= most:
                raise FieldError(
                    name, list(span), f"must be low, high with 0 < low <= high <= {most:g}", [0.5, 1.0]
                )
        named = [("input_size", size) for size in (*self.sizes, self.input_size)] + [("crop", self.crop)]
        for name, size in named:
            if size is not None and min(size) < 8:
                raise FieldError(name, list(size), "each side must be at least 8 pixels", [32, 32])
        return self


class Recipe(Stage):
    """All stages of a training: the fields are what they share.

    Attributes:
        stages: for each stage the fields in which it differs; one stage if left out.
    """

    stages: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _stages_fit(self) -> Recipe:
        self.plan()
        return self

    def plan(self) -> tuple[Stage, ...]:
        """Returns the stages in order, each complete.

        Raises:
            FieldError: a stage has an unknown field, or the last one leaves the decoder out.
        """
        shared = self.model_dump(exclude={"stages"})
        known = list(Stage.model_fields)
        for i, changes in enumerate(self.stages):
            for name in changes:
                if name not in known:
                    raise FieldError(
                        f"stages[{i}].{name}", changes[name], "unknown field", closest(name, known)
                    )
        stages = tuple(Stage.model_validate({**shared, **changes}) for changes in self.stages or ({},))
        if stages[-1].encoder_only:
            raise FieldError("encoder_only", True, "the last stage trains the whole network", "false")
        return stages
