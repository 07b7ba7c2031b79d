"""SpecRecord: the fields of a network as plain data, which the plan reads. No rules and no torch.

``None`` stands for a field that the network and its units cannot honour. :class:`archspace.spec.archspec.ArchSpec` is
the record that obeys the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, init=False)
class SpecRecord:
    """The fields of one network, in the papers' words.

    Attributes:
        network: one of :data:`archspace.plan.design.NETWORKS`. ESPNet without its decoder is stored as ESPNet-C, and
            that without reinforcement as ESPNet-B: one network, one name.
        task: one of those that the network is for.
        unit: the unit of each level that places units, from level 2 on (DiCENet, ShuffleNets: 3; ESNet, ERFNet,
            ENet, SegNet: 1); one name stands for all.
        branches: K of the same levels; one number stands for all levels whose unit has branches. Left out, it is
            the unit's own, or the nearest that the level's channels allow.
        width: s, multiplies the stage channels (rounding: :func:`archspace.plan.design.stage_channels`).
        alphas: repeats of the unit at level 2, 3, ..., the strided unit not counted.
        receptive_field: largest effective kernel of a branch at level 1, 2, ...; it holds for the level's units
            and for the strided unit that leaves the level.
        dilated: branches see at different rates.
        fusion: ``hff`` (hierarchical feature fusion), ``none``, or ``cascade``: the branches of units that split their
            channels (FPE) run one after the other, each on its own part and the output before; others fuse as ``hff``.
        residual: identities are added where shapes allow.
        activation: ``prelu``, ``relu``, ``relu6``, ``leaky-relu``, ``hardswish``, ``silu`` or ``selu``.
        pointwise_kernel: side of the reducing convolution of ESP and EESP units, 1 or 3.
        downsampling: ``strided-unit``, ``strided-conv``, or ``joint``: a strided 3 x 3 beside a max pool, as in ENet.
        reinforcement: the downsampled image joins the features.
        decoder: ``espnet`` (reads level 1 after the image joined it: 19 channels), ``espnet-raw`` (before: 16),
            ``edgenets``, ``pyramid`` (that of the ESPNetv2 repository), ``none``, or the network's own by its name; on
            every encoder ``meu`` and ``meu-sigmoid`` (FPENet's, to level 1), ``dad`` (LCNet's, to level 2) and
            ``bilinear`` (scores resized); for segmentation only.
        classes: number of classes, or of words; a detector counts its background among them.
        input_size: (H, W) in pixels, or (T, 1) for a sequence of T tokens.
        channels: channels of the image, or width of the words' embedding.
        inner: width inside the units of the same levels, as a share of their output, where the unit has one to
            choose (``archspace units`` says which); ``None``: the unit's own (at FPENet's level 1 one). It is the
            expansion of units that widen, and of ``pct`` the share of its channels that is convolved, at most 1.
        shortcut: of units that may choose (FPE): ``identity``, which joins after the last activation and is nowhere
            that shapes change, or ``projected`` as in a residual network.
        stem: ``thin``, or ``thick``: two more 3 x 3 convolutions after the first layer, at half of the image's size.
        long_skip: what a level's first repeat reads is added to what its last one writes, at levels of two or more.
        gate: a channel gate on what each level's repeats write: global pooling, two 1 x 1 convolutions, a sigmoid.
        decoder_width: multiplies the channels inside decoders that have some to choose (``meu``).
    """

    network: str
    task: str
    unit: tuple[str | None, ...]
    branches: tuple[int | None, ...]
    width: float
    alphas: tuple[int, ...]
    receptive_field: tuple[int | None, ...] | None
    dilated: bool | None
    fusion: str | None
    residual: bool | None
    activation: str
    pointwise_kernel: int | None
    downsampling: str | None
    reinforcement: bool | None
    decoder: str | None
    classes: int
    input_size: tuple[int, int]
    channels: int
    inner: tuple[float | None, ...] | None
    shortcut: str | None
    stem: str | None
    long_skip: bool | None
    gate: bool | None
    decoder_width: float | None


FIELDS = tuple(field.name for field in fields(SpecRecord))
"""Every field of a spec, in the order in which they are written."""
