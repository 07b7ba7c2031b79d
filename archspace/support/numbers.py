"""Numbers for people: the one place where they are rounded and get SI letters. No torch."""

from __future__ import annotations

import math
import re

_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_COUNTS = ("MACs", "parameters", "bytes")
"""Units whose numbers get an SI letter from a thousand; those of other units get one from 100,000."""
_WRITTEN_OUT = 1e5
UNSTABLE_MARK = "~"
"""What stands before a measured number that is not to be trusted."""
NOTHING = "-"
"""What stands where nothing is known."""


def si_prefix(value: float) -> tuple[float, str]:
    """Returns factor and SI letter for the size of ``value``: ``(1e6, "M")``; ``(1, "")`` below a thousand."""
    for factor, letter in _PREFIXES:
        if abs(value) >= 0.9995 * factor:
            return factor, letter
    return 1.0, ""


def written_number(value: object) -> float | None:
    """Returns the number that a person means, of a text with an SI letter (``1.5 M``) too; ``None`` where it is none.

    >>> written_number("1M"), written_number("1.5e3"), written_number(0.5), written_number("many")
    (1000000, 1500, 0.5, None)
    """
    factors = {"": 1.0, "K": 1e3, **{letter: factor for factor, letter in _PREFIXES}}
    match = re.fullmatch(r"(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?) ?([A-Za-z]?)", str(value).strip())
    if match is None or match[2] not in factors:
        return None
    found = float(match[1]) * factors[match[2]]
    return int(found) if math.isfinite(found) and found == int(found) else found


def number(value: float | None, unit: str = "") -> str:
    """Returns a rounded number with its unit, to be read in a sentence.

    Per cent have two decimals, everything else three significant digits; counts and bytes get SI letters.

    >>> number(12_345_678, "MACs"), number(1_500_000, "bytes"), number(61.239, "%"), number(4.7, "ms")
    ('12.3 M MACs', '1.5 MB', '61.24 %', '4.7 ms')
    """
    if value is None or math.isnan(value):
        return "unknown"
    if unit == "%":
        return f"{value:.2f} %"
    digits, letter = _scaled(value, unit)
    suffix = f"{letter}B" if unit == "bytes" else f"{letter} {unit}".strip()
    return f"{digits} {suffix}".strip()


def amount(value: float | None, unit: str = "MACs") -> str:
    """Returns a number as :func:`number` rounds it but without its unit, for a cell whose header names that.

    Zeros that rounding leaves at the end stay, as in the cells above and below.

    >>> amount(12_345_678), amount(61.239, "%"), amount(25.02, "ms"), amount(None)
    ('12.3 M', '61.24', '25.0', '-')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if unit == "%":
        return f"{value:.2f}"
    digits, letter = _scaled(value, unit, "#.3g")
    return f"{digits} {letter}".strip()


def marked(text: str, doubtful: bool) -> str:
    """Returns a number's text with the mark of an unstable one, where it is one.

    >>> marked("4.70", True), marked("4.70", False)
    ('~4.70', '4.70')
    """
    return f"{UNSTABLE_MARK}{text}" if doubtful and text != NOTHING else text


def _scaled(value: float, unit: str, form: str = ".3g") -> tuple[str, str]:
    """Digits and SI letter; ``form`` is of a number without a letter that is not whole."""
    if math.isinf(value):
        return f"{value:g}", ""
    prefixed = unit in _COUNTS or abs(value) >= _WRITTEN_OUT
    factor, letter = si_prefix(value) if prefixed else (1.0, "")
    scaled = value / factor
    if not prefixed and abs(scaled) >= 999.5:
        return f"{scaled:,.0f}", ""
    whole = abs(scaled) >= 99.95 or scaled == int(scaled)
    return (f"{scaled:.0f}" if whole else f"{scaled:{'.3g' if prefixed else form}}"), letter


def fixed(value: float | None, digits: int = 2) -> str:
    """Returns a number with so many decimals, for columns whose points stand below each other; a dash for nothing.

    >>> fixed(4.0), fixed(None)
    ('4.00', '-')
    """
    return NOTHING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def significant(value: float, digits: int = 2) -> str:
    """Returns a number with at least ``digits`` decimals and three significant digits; whole from a thousand on.

    >>> significant(0.0123), significant(12.345), significant(1234.5)
    ('0.0123', '12.35', '1234')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value:
        digits = min(max(digits, 2 - math.floor(math.log10(abs(value)))), 6)
    return f"{value:.{0 if abs(value) >= 1000 else digits}f}"


def tick_text(value: float) -> str:
    """Returns the text of a tick: ``"200M"``, ``"1.5G"``, ``"0.5"``."""
    factor, letter = si_prefix(value)
    return f"{value / factor:g}{letter}"


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun, in the plural where there are several or none.

    >>> counted(1, "epoch"), counted(1200, "epoch")
    ('1 epoch', '1,200 epochs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def told_apart(value: float, other: float) -> tuple[str, str]:
    """Returns two numbers with as many digits as it takes to see which is larger; whole ones in full.

    >>> told_apart(100_000_768, 1e8), told_apart(99_999_999.5, 1e8), told_apart(4.7000001, 4.7), told_apart(0.31, 0.3)
    (('100000768', '100000000'), ('99999999.5', '100000000'), ('4.7000001', '4.7'), ('0.31', '0.3'))
    """
    for digits in range(6, 18):
        texts = _in_full(value, digits), _in_full(other, digits)
        if float(texts[0]) != float(texts[1]):
            break
    return texts


def _in_full(value: float, digits: int) -> str:
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value)}"
    return f"{value:.{digits}g}"


def age(seconds: float | None) -> str:
    """Returns how long ago something was, in one unit.

    >>> age(42), age(600), age(7300), age(200_000), age(None)
    ('42 s', '10 min', '2 h', '2 d', '-')
    """
    if seconds is None:
        return NOTHING
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def duration(seconds: float) -> str:
    """Returns hours, minutes and seconds, the leading zeros left out.

    >>> duration(3725), duration(9)
    ('1:02:05', '0:09')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
