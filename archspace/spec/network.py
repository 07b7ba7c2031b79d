"""Fields of the whole network: what it is, its decoder, its input. No torch."""

from __future__ import annotations

from archspace.plan.decoders import DECODERS, decoders_for, multiple_of
from archspace.plan.design import NETWORKS, TASKS
from archspace.spec import fields
from archspace.spec.state import Resolution
from archspace.support.errors import SpecError, closest

ESPNET_FAMILY = ("espnet-b", "espnet-c", "espnet")
CLASSES = {"classification": 1000, "multilabel": 80, "segmentation": 20, "detection": 81, "language": 10000}
"""Default classes: ImageNet, MS-COCO, Cityscapes with its void, MS-COCO with its background, Penn Treebank's words."""
SIZES = {"segmentation": (512, 1024), "detection": (300, 300)}
SIZE = (224, 224)


def what(r: Resolution) -> None:
    """Network, task and the fields that depend on nothing else."""
    given, out = r.given, r.out
    out["network"] = fields.choice("network", given.get("network"), list(NETWORKS))
    out["task"] = _task(r)
    out["width"] = fields.width("width", given.get("width", 1.0))
    out["classes"] = fields.whole(
        "classes", given.get("classes", CLASSES[out["task"]]), 2, fields.MOST_CLASSES
    )
    out["channels"] = _channels(r)
    out["activation"] = fields.choice(
        "activation", given.get("activation", r.design.activation), fields.ACTIVATIONS
    )
    optional = {
        "downsampling": (r.design.downsampling, lambda f, v: fields.choice(f, v, fields.DOWNSAMPLINGS)),
        "reinforcement": (r.design.reinforcement, fields.flag),
        "stem": (r.design.stem, lambda f, v: fields.choice(f, v, fields.STEMS)),
    }
    for name, (default, read) in optional.items():
        r.switch(name, name in r.design.honours, default, read, f"{out['network']} has no {name} to choose")


def _channels(r: Resolution) -> int:
    reads = r.design.reads
    channels = fields.whole("channels", r.given.get("channels", reads.channels), 1, fields.MOST_CHANNELS)
    if channels % reads.step:
        near = max(reads.step, round(channels / reads.step) * reads.step)
        raise SpecError("channels", channels, f"must be a multiple of {reads.step}", near)
    return channels


def _task(r: Resolution) -> str:
    known = list(r.design.alphas)
    task = fields.choice("task", r.given.get("task", known[0]), TASKS)
    if task not in known and "task" in r.lenient:
        return known[0]
    if task not in known:
        raise SpecError("task", task, f"{r.out['network']} is not a network for {task}", closest(task, known))
    return task


def decoder(r: Resolution) -> None:
    """The segmentation decoder."""
    if r.out["task"] != "segmentation":
        for field in ("decoder", "decoder_width"):
            r.unfit(field, f"a network for {r.out['task']} has no decoder")
        return
    known = decoders_for(r.design.decoders, r.design.levels(r.out["task"]))
    if "decoder" in r.lenient and r.given.get("decoder") not in known:
        r.given.pop("decoder", None)
    name = fields.choice("decoder", r.given.get("decoder", known[0]), known)
    without_image = DECODERS[name].without_image
    if without_image is not None and not r.out["reinforcement"]:
        r.unfit("decoder", "without reinforcement level 1 has only its raw features", without_image)
        name = without_image
    r.out["decoder"] = name
    rule = f"decoder {name!r} has no width to choose"
    r.switch("decoder_width", DECODERS[name].widens, 1.0, fields.width, rule)


def input_size(r: Resolution) -> None:
    """Height and width, which a decoder may restrict; a sequence of T tokens is T high and 1 wide."""
    reads = r.design.reads
    multiple = multiple_of(r.out["decoder"])
    default = reads.size or SIZES.get(r.out["task"], SIZE)
    size = fields.size("input_size", r.given.get("input_size", default), max(reads.least, multiple))
    if reads.sequence and size[1] != 1:
        rule = f"{r.out['network']} reads a sequence of T tokens: [T, 1]"
        raise SpecError("input_size", list(size), rule, [size[0], 1])
    if any(side % multiple for side in size):
        near = [max(multiple, round(side / multiple) * multiple) for side in size]
        rule = f"height and width must be multiples of {multiple} for decoder {r.out['decoder']!r}"
        raise SpecError("input_size", list(size), rule, near)
    r.out["input_size"] = size


def family_name(r: Resolution) -> None:
    """The same network has one name: ESPNet without its decoder is ESPNet-C, that without the image is B."""
    out = r.out
    if out["network"] not in ESPNET_FAMILY:
        return
    if out["decoder"] not in (None, "none"):
        out["network"] = "espnet"
    else:
        out["network"] = "espnet-c" if out["reinforcement"] else "espnet-b"
