"""From the fields a user gave to a complete, consistent set of fields. No torch.

A field that the chosen network and units cannot honour is ``None`` in the result; giving it a value raises, because
a value that changes nothing would be a lie in every table. ``lenient`` fields are dropped instead: that is how
samplers with rectangular spaces and :meth:`ArchSpec.replace` use it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from archspace import fields
from archspace.errors import SpecError
from archspace.plan.espnet import decoder_branches
from archspace.plan.networks import NETWORKS, TASKS, NetworkDesign
from archspace.plan.request import MOST_BRANCHES, UNITS, limited_rates

FIELDS = (
    "network", "task", "unit", "branches", "width", "alphas", "receptive_field", "dilated", "fusion", "residual",
    "activation", "pointwise_kernel", "downsampling", "reinforcement", "decoder", "classes", "input_size", "channels",
)  # fmt: skip
"""Every field of a spec, in the order in which they are resolved and written."""

ESPNET_FAMILY = ("espnet-b", "espnet-c", "espnet")


class _Resolver:
    """One resolution: fields are filled in order, each from what is already known."""

    def __init__(self, given: Mapping[str, Any], lenient: Collection[str]) -> None:
        self.given = {k: v for k, v in given.items() if v is not None}
        self.lenient = lenient
        self.out: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        self._what()
        self._depth()
        self._units()
        self._branches()
        self._decoder()
        self._dilations()
        self._switches()
        self._size()
        self._family_name()
        return {name: self.out[name] for name in FIELDS}

    @property
    def design(self) -> NetworkDesign:
        return NETWORKS[self.out["network"]]

    def _unfit(self, field: str, rule: str, nearest: object = "leave it out") -> None:
        """A given field that cannot be honoured: raise, or drop it where that is allowed."""
        if field in self.given and field not in self.lenient:
            raise SpecError(field, self.given[field], rule, nearest)

    def _levels(self, field: str, count: int, default: Sequence[object] = ()) -> object:
        """The given per-level value; a lenient one is cut to the levels that there are, or gets more by default."""
        value = self.given.get(field)
        if field in self.lenient and isinstance(value, Sequence) and not isinstance(value, str):
            return [*value[:count], *(default or (None,) * count)[len(value) :]]
        return value

    def _what(self) -> None:
        given, out = self.given, self.out
        out["network"] = fields.choice("network", given.get("network"), list(NETWORKS))
        default_task = (
            "segmentation" if out["network"].startswith("espnet-") or out["network"] == "espnet" else TASKS[0]
        )
        out["task"] = fields.choice("task", given.get("task", default_task), TASKS)
        out["width"] = fields.width("width", given.get("width", 1.0))
        out["classes"] = fields.whole(
            "classes", given.get("classes", 1000 if out["task"] == TASKS[0] else 20), 2
        )
        out["channels"] = fields.whole("channels", given.get("channels", 3), 1)
        out["activation"] = fields.choice("activation", given.get("activation", "prelu"), fields.ACTIVATIONS)
        out["downsampling"] = fields.choice(
            "downsampling", given.get("downsampling", "strided-unit"), fields.DOWNSAMPLINGS
        )
        out["reinforcement"] = fields.flag(
            "reinforcement", given.get("reinforcement", self.design.reinforcement)
        )

    def _depth(self) -> None:
        default = self.design.alphas[self.out["task"]]
        value = self._levels("alphas", len(default))
        entries, _ = fields.per_level(
            "alphas", default if value is None else value, len(default), fields.repeats, 2
        )
        self.out["alphas"] = tuple(d if e is None else e for e, d in zip(entries, default, strict=True))

    def _places(self, index: int) -> bool:
        """Whether the level of entry ``index`` places its unit at all."""
        return bool(self.out["downsampling"] == "strided-unit" or self.out["alphas"][index] > 0)

    def _units(self) -> None:
        count = len(self.out["alphas"])
        known = list(UNITS)
        value = self._levels("unit", count)
        entries, spread = fields.per_level(
            "unit", self.design.unit if value is None else value, count,
            lambda f, v: fields.choice(f, v, known), 2,
        )  # fmt: skip
        units: list[str | None] = []
        for i, name in enumerate(entries):
            if self._places(i):
                units.append(name or self.design.unit)
                continue
            if name is not None and not spread and "unit" not in self.lenient:
                rule = f"level {i + 2} places no unit (strided-conv downsampling and 0 repeats)"
                raise SpecError(f"unit[{i}]", name, rule, "null")
            units.append(None)
        if spread and not any(units):
            self._unfit("unit", "no level places a unit (strided-conv downsampling and 0 repeats)")
        self.out["unit"] = tuple(units)

    def _branches(self) -> None:
        units = self.out["unit"]
        value = self._levels("branches", len(units))
        entries: tuple[int | None, ...] = (None,) * len(units)
        spread = True
        if value is not None:
            entries, spread = fields.per_level(
                "branches", value, len(units), lambda f, v: fields.whole(f, v, 1), 2
            )
        branches: list[int | None] = []
        for i, (unit, k) in enumerate(zip(units, entries, strict=True)):
            default = UNITS[unit].branches if unit else None
            if default is None and k is not None and not spread and "branches" not in self.lenient:
                raise SpecError(
                    f"branches[{i}]", k, f"unit {unit!r} at level {i + 2} has no branches", "null"
                )
            branches.append(None if default is None else k or default)
        if any(entries) and not any(branches):
            self._unfit("branches", f"no unit of this network has branches ({_names(units)})")
        self.out["branches"] = tuple(branches)

    def _decoder(self) -> None:
        if self.out["task"] != "segmentation":
            self._unfit("decoder", f"a network for {self.out['task']} has no decoder")
            self.out["decoder"] = None
            return
        known = self.design.decoders
        if "decoder" in self.lenient and self.given.get("decoder") not in known:
            self.given.pop("decoder", None)
        decoder = fields.choice("decoder", self.given.get("decoder", known[0]), known)
        if decoder == "espnet-raw" and not self.out["reinforcement"]:
            self._unfit("decoder", "without reinforcement level 1 has only its raw features", "espnet")
            decoder = "espnet"
        self.out["decoder"] = decoder

    def _placed(self) -> list[tuple[int, str, int | None, int]]:
        """Level, unit, K and stride of every kind of placed unit; the decoder's works at level 2."""
        placed: list[tuple[int, str, int | None, int]] = []
        for i, (unit, k) in enumerate(zip(self.out["unit"], self.out["branches"], strict=True)):
            if unit and self.out["downsampling"] == "strided-unit":
                placed.append((i + 2, unit, k, 2))
            if unit and self.out["alphas"][i]:
                placed.append((i + 2, unit, k, 1))
        if self.out["decoder"] in ("espnet", "espnet-raw"):
            k = decoder_branches(self.out["unit"][0], self.out["branches"][0], self.out["classes"])
            placed.append((2, "esp", k, 1))
        return placed

    def _dilations(self) -> None:
        placed = self._placed()
        count = len(self.out["alphas"]) + 1
        rates = {
            (level, stride, unit, k): UNITS[unit].rates(min(k, MOST_BRANCHES))  # type: ignore[misc]
            for level, unit, k, stride in placed
            if UNITS[unit].rates is not None and k is not None
        }
        if not any(max(r) > 1 for r in rates.values()):
            self._unfit(
                "dilated", f"no unit of this network has dilated branches ({_names(self.out['unit'])})"
            )
            self._unfit(
                "receptive_field",
                f"no unit of this network has dilated branches ({_names(self.out['unit'])})",
            )
            self.out["dilated"] = self.out["receptive_field"] = None
            return
        self.out["dilated"] = fields.flag("dilated", self.given.get("dilated", True))
        if not self.out["dilated"]:
            self._unfit("receptive_field", "nothing to limit: dilated is false")
            self.out["receptive_field"] = None
            return
        reached = {level - (stride - 1) for (level, stride, _, _), r in rates.items() if max(r) > 1}
        self.out["receptive_field"] = limits = self._limits(count, reached)
        seen = [limited_rates(r, limits[level - stride]) for (level, stride, _, _), r in rates.items()]
        if all(max(r) == 1 for r in seen):
            self.out["dilated"], self.out["receptive_field"] = False, None

    def _limits(self, count: int, reached: set[int]) -> tuple[int | None, ...]:
        """Limits of level 1, 2, ...; a level's limit holds for its units and the strided unit that leaves it."""
        default = (self.design.limits or (None,) * count)[:count]
        value = self._levels("receptive_field", count, default)
        if value is None:
            return tuple(e if i + 1 in reached else None for i, e in enumerate(default))
        entries, spread = fields.per_level("receptive_field", value, count, fields.limit, 1)
        for i, entry in enumerate(entries):
            if (
                entry is not None
                and i + 1 not in reached
                and not spread
                and "receptive_field" not in self.lenient
            ):
                rule = f"no dilated unit at level {i + 1} or leaving it"
                raise SpecError(f"receptive_field[{i}]", entry, rule, "null")
        return tuple(e if i + 1 in reached else None for i, e in enumerate(entries))

    def _switches(self) -> None:
        placed, out = self._placed(), self.out
        fused = any(
            UNITS[u].fused_from is not None and (k or 0) >= (UNITS[u].fused_from or 0)
            for _, u, k, _ in placed
        )
        in_levels = placed[:-1] if out["decoder"] in ("espnet", "espnet-raw") else placed
        residual = any((s == 1 and UNITS[u].residual) or UNITS[u].projects for _, u, _, s in in_levels)
        pointwise = any(s in UNITS[u].pointwise for _, u, _, s in placed)
        self._switch(
            "fusion", fused, "hff", lambda f, v: fields.choice(f, v, fields.FUSIONS), "branches to fuse"
        )
        self._switch("residual", residual, True, fields.flag, "a place for an identity")
        self._switch(
            "pointwise_kernel", pointwise, 1, fields.pointwise_kernel, "a reducing convolution to choose"
        )

    def _switch(self, field: str, honoured: bool, default: object, read: Any, what: str) -> None:
        if not honoured:
            self._unfit(field, f"no unit of this network has {what} ({_names(self.out['unit'])})")
            self.out[field] = None
            return
        self.out[field] = read(field, self.given.get(field, default))

    def _size(self) -> None:
        default = (224, 224) if self.out["task"] == "classification" else (512, 1024)
        multiple = self.design.multiples.get(self.out["decoder"] or "", 1)
        size = fields.size("input_size", self.given.get("input_size", default), max(8, multiple))
        if any(side % multiple for side in size):
            near = [max(multiple, round(side / multiple) * multiple) for side in size]
            rule = f"height and width must be multiples of {multiple} for decoder {self.out['decoder']!r}"
            raise SpecError("input_size", list(size), rule, near)
        self.out["input_size"] = size

    def _family_name(self) -> None:
        """The same network has one name: ESPNet without its decoder is ESPNet-C, that without the image is B."""
        out = self.out
        if out["network"] not in ESPNET_FAMILY:
            return
        if out["decoder"] not in (None, "none"):
            out["network"] = "espnet"
        else:
            out["network"] = "espnet-c" if out["reinforcement"] else "espnet-b"


def _names(units: Sequence[str | None]) -> str:
    return ", ".join(sorted({u for u in units if u})) or "no unit placed"


def resolve(given: Mapping[str, Any], lenient: Collection[str] = ()) -> dict[str, Any]:
    """A value for every field of :data:`FIELDS`.

    Args:
        given: fields by name; missing or ``None`` means the network's default.
        lenient: fields whose value is dropped, instead of refused, where it cannot be honoured.

    Raises:
        SpecError: a value breaks a rule.
    """
    return _Resolver(given, lenient).run()
