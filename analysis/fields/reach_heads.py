"""Walks through the heads: what their outputs see of the image. No torch."""

from __future__ import annotations

from analysis.fields.reach import (
    ALIGNED_RESIZE,
    GLOBAL_POOLING,
    HEAD_FLOWS,
    PYRAMID_POOLING,
    Reach,
    Walk,
    chained,
    joined,
)
from archspace.plan import Block, Conv
from archspace.plan.detection import STRIDES


@HEAD_FLOWS.register("projection")
def _projection(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.project", chained(head.part("project"), last))


@HEAD_FLOWS.register("classifier")
def _classifier(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.linear", chained(head.part("linear"), last))


@HEAD_FLOWS.register("conv-classifier")
def _conv_classifier(head: Block, last: Reach, walk: Walk) -> Reach:
    pooled = Reach(last.stride, last.spans, GLOBAL_POOLING)
    for name, _ in head.items():
        walk.note(f"head.{name}", pooled)
    return pooled


@HEAD_FLOWS.register("language-head")
def _language_head(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.decoder", chained(head.part("decoder"), last))


@HEAD_FLOWS.register("espnet-decoder")
def _espnet_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    def run(name: str, x: Reach) -> Reach:
        return walk.note(f"head.{name}", chained(head.part(name), x))

    level3 = run("up3", run("norm3", run("project3", last)))
    level2 = run("mix2", joined(run("project2", walk.reaches["level2"]), level3))
    level1 = walk.reaches["level1.conv" if head.option("raw") else "level1"]
    return run("up1", run("merge1", joined(run("up2", run("unit2", level2)), level1)))


@HEAD_FLOWS.register("edgenets-decoder")
def _edgenets_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    stride = last.stride
    for name, _ in head.items():
        stride //= 2 if name.startswith("skip") else 1
        reason = last.whole or PYRAMID_POOLING if name == "pyramid1" else GLOBAL_POOLING
        walk.note(f"head.{name}", Reach(stride, whole=reason))
    return Reach(1, whole=GLOBAL_POOLING)


@HEAD_FLOWS.register("meu-decoder")
def _meu_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    """A channel gate in each module pools its coarse map."""
    for name, part in head.items():
        stride = part.at if isinstance(part, Block) else 2
        walk.note(f"head.{name}", Reach(stride, whole=GLOBAL_POOLING))
    return Reach(1, whole=GLOBAL_POOLING)


@HEAD_FLOWS.register("dad-decoder")
def _dad_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    whole = last.whole or ALIGNED_RESIZE
    for name, part in head.items():
        assert isinstance(part, Conv)
        walk.note(f"head.{name}", Reach(part.at, whole=whole))
    return Reach(1, whole=whole)


@HEAD_FLOWS.register("bilinear-decoder")
def _bilinear_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    whole = last.whole or ALIGNED_RESIZE
    walk.note("head.project", Reach(last.stride, whole=whole))
    return Reach(1, whole=whole)


@HEAD_FLOWS.register("espnetv2-decoder")
def _espnetv2_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    walk.note("head.project4", chained(head.part("project4"), last))
    for name, stride in (
        ("unit3", 8),
        ("pool3", 8),
        ("project3", 8),
        ("act3", 8),
        ("project2", 4),
        ("project1", 2),
    ):
        walk.note(f"head.{name}", Reach(stride, whole=ALIGNED_RESIZE))
    return Reach(1, whole=ALIGNED_RESIZE)


@HEAD_FLOWS.register("ssd")
def _detector(head: Block, last: Reach, walk: Walk) -> Reach:
    """The scores of level 8 see the whole image; those of the levels above it are bounded by it.

    The output's stride is that of its finest map.
    """
    level6 = walk.note("head.level6", chained(head.part("level6"), last))
    level7 = walk.note("head.level7", chained(head.part("level7"), level6))
    whole = walk.note("head.level8", Reach(level7.stride, whole=GLOBAL_POOLING))
    maps = [Reach(stride, whole=PYRAMID_POOLING) for stride in STRIDES[:4]]
    for level, fused in zip((3, 4, 5, 6), maps, strict=True):
        walk.note(f"head.fuse{level}", fused)
    for name in ("locations", "confidences"):
        for index, reach in enumerate((*maps, level7, whole)):
            walk.note(f"head.{name}.{index}", reach)
    return Reach(STRIDES[0], whole=GLOBAL_POOLING)
