"""Seeds as a user gives them: in files, as options, and from Python. No torch."""

from __future__ import annotations

from archspace.support.errors import FieldError

MOST_SEED = 2**32 - 1
"""The largest that every generator of random numbers takes: those of NumPy and scikit-learn have 32 bits."""
SEED_RULE = f"a seed is from 0 to {MOST_SEED}"
MOST_TRAININGS = 1000
"""Trainings of one network, each with a seed of its own."""


def nearest_seed(seed: int) -> int:
    """Returns the seed nearest to a whole number.

    >>> nearest_seed(7), nearest_seed(-1), nearest_seed(2**40)
    (7, 0, 4294967295)
    """
    return min(max(seed, 0), MOST_SEED)


def check_seed(seed: int, field: str = "--seed") -> None:
    """Refuses a whole number that is no seed.

    Raises:
        FieldError: with the nearest that is one.
    """
    if seed != nearest_seed(seed):
        raise FieldError(field, seed, SEED_RULE, nearest_seed(seed))


def check_seeds(count: int, first: int = 0, field: str = "--seeds") -> None:
    """Refuses numbers of trainings of a network that are none, or whose seeds from ``first`` on are not all seeds.

    Raises:
        FieldError: with the nearest number of trainings.
    """
    most = min(MOST_TRAININGS, MOST_SEED - first + 1)
    if not 1 <= count <= most:
        rule = f"must be at least 1 and at most {most}"
        also = f" where the first seed is {first}" if most < MOST_TRAININGS else ""
        raise FieldError(field, count, rule + also, min(max(count, 1), most))
