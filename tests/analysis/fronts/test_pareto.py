from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.fronts.pareto import UNRANKED, hypervolume, knee, minimised, non_dominated, ranks

# Few distinct values, so that ties and copies are common.
GRID = st.integers(1, 4).flatmap(
    lambda d: arrays(float, st.tuples(st.integers(1, 24), st.just(d)), elements=st.integers(0, 5))
)
SPECIAL = st.sampled_from([0, -0.0, 1, 2, math.inf, math.nan])
WILD = st.integers(1, 4).flatmap(
    lambda d: arrays(float, st.tuples(st.integers(0, 16), st.just(d)), elements=SPECIAL)
)


def by_definition(points: np.ndarray) -> list[bool]:
    """Every pair compared, as the definition says."""
    clean = ~np.isnan(points).any(axis=1)
    return [
        bool(clean[i])
        and not any(clean[j] and (q <= p).all() and (q < p).any() for j, q in enumerate(points))
        for i, p in enumerate(points)
    ]


def volume_of_cells(points: np.ndarray, corner: np.ndarray) -> int:
    """Hypervolume of whole-number points: count the unit cells that some point dominates."""
    cells = itertools.product(*(range(int(c)) for c in corner))
    return sum(any(all(p[k] <= cell[k] for k in range(len(corner))) for p in points) for cell in cells)


class TestSigns:
    def test_only_maximised_columns_change(self) -> None:
        values = np.array([[1.0, 60.0], [2.0, 70.0]])
        assert minimised(values, ["minimize", "maximize"]).tolist() == [[1, -60], [2, -70]]
        assert values.tolist() == [[1, 60], [2, 70]]

    def test_shape_and_direction_are_checked(self) -> None:
        with pytest.raises(ValueError, match="2 columns of values but 1 directions"):
            minimised([[1, 2]], ["minimize"])
        with pytest.raises(ValueError, match="'up'"):
            minimised([[1]], ["up"])  # type: ignore[list-item]


class TestFront:
    def test_staircase(self) -> None:
        points = [[1, 5], [2, 3], [2, 4], [3, 3], [4, 1], [5, 1]]
        assert non_dominated(points).tolist() == [True, True, False, False, True, False]

    def test_sphere_is_all_front_and_its_inside_is_not(self) -> None:
        random = np.random.default_rng(0)
        directions = np.abs(random.normal(size=(300, 3)))
        sphere = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        shell = np.vstack([-sphere, -0.5 * sphere[:50]])
        mask = non_dominated(shell)
        assert mask[:300].all()
        assert mask.tolist() == by_definition(shell)

    def test_all_copies_are_kept(self) -> None:
        assert non_dominated([[1, 2], [1, 2], [3, 3], [1, 2]]).tolist() == [True, True, False, True]

    def test_negative_zero_is_zero(self) -> None:
        assert non_dominated([[0.0, 1.0], [-0.0, 1.0]]).all()

    def test_nan_is_never_on_the_front_and_dominates_nothing(self) -> None:
        points = [[math.nan, -9], [1, 2], [2, 1]]
        assert non_dominated(points).tolist() == [False, True, True]
        assert ranks(points).tolist() == [UNRANKED, 0, 0]

    def test_infinity_is_a_worst_value_not_an_error(self) -> None:
        assert non_dominated([[0, math.inf], [1, 5], [2, math.inf]]).tolist() == [True, True, False]

    @pytest.mark.parametrize("points", [[], np.empty((0, 3))])
    def test_no_points(self, points: object) -> None:
        assert non_dominated(points).tolist() == []  # type: ignore[arg-type]
        assert ranks(points).tolist() == []  # type: ignore[arg-type]

    @pytest.mark.parametrize("points", [[1.0, 2.0], np.zeros((2, 0)), np.zeros((1, 1, 1))])
    def test_shape_is_checked(self, points: object) -> None:
        with pytest.raises(ValueError, match=r"must be \(N, D\)"):
            non_dominated(points)  # type: ignore[arg-type]

    @settings(max_examples=150)
    @given(points=st.one_of(GRID, WILD))
    def test_agrees_with_the_definition(self, points: np.ndarray) -> None:
        assert non_dominated(points).tolist() == by_definition(points)

    @settings(max_examples=60)
    @given(points=GRID, seed=st.integers(0, 99))
    def test_order_does_not_matter(self, points: np.ndarray, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(points))
        assert (non_dominated(points)[order] == non_dominated(points[order])).all()
        assert (ranks(points)[order] == ranks(points[order])).all()

    @pytest.mark.parametrize("objectives", [2, 3])
    def test_ten_thousand_points_take_no_quadratic_time(self, objectives: int) -> None:
        directions = np.abs(np.random.default_rng(1).normal(size=(10_000, objectives)))
        worst_case = -directions / np.linalg.norm(directions, axis=1, keepdims=True)
        start = time.process_time()
        assert non_dominated(worst_case).all()
        assert time.process_time() - start < 10  # of work, whoever else has the cores; 0.2 here


class TestRanks:
    def test_chain(self) -> None:
        assert ranks([[3, 3], [1, 1], [2, 2], [1, 1]]).tolist() == [2, 0, 1, 0]

    @settings(max_examples=150)
    @given(points=st.one_of(GRID, WILD))
    def test_agrees_with_peeling(self, points: np.ndarray) -> None:
        expected = np.full(len(points), UNRANKED)
        left, depth = np.flatnonzero(~np.isnan(points).any(axis=1)), 0
        while len(left):
            front = np.array(by_definition(points[left]))
            expected[left[front]] = depth
            left, depth = left[~front], depth + 1
        assert ranks(points).tolist() == expected.tolist()


class TestHypervolume:
    @pytest.mark.parametrize(
        ("points", "reference", "volume"),
        [
            ([[2.0]], [5.0], 3.0),
            ([[1, 3], [2, 2], [3, 1]], [4, 4], 6.0),
            ([[1, 3], [2, 2], [3, 1], [2, 2], [3, 3]], [4, 4], 6.0),
            ([[0, 0, 0]], [2, 3, 4], 24.0),
            ([[0, 0, 2], [0, 2, 0], [2, 0, 0]], [3, 3, 3], 9 + 9 + 9 - 3 - 3 - 3 + 1),
            ([[5, 0]], [4, 4], 0.0),
            ([[4, 0]], [4, 4], 0.0),
            (np.empty((0, 2)), [1, 1], 0.0),
            ([[math.nan, 0], [1, 1]], [2, 2], 1.0),
            ([[-math.inf, 0]], [1, 1], math.inf),
            ([[0, math.inf], [1, 1]], [2, 2], 1.0),
        ],
    )  # fmt: skip
    def test_closed_forms(self, points: object, reference: list[float], volume: float) -> None:
        assert hypervolume(points, reference) == pytest.approx(volume)  # type: ignore[arg-type]

    def test_octant_of_a_sphere(self) -> None:
        angles = np.linspace(0, np.pi / 2, 2001)
        arc = -np.column_stack([np.cos(angles), np.sin(angles)])
        assert hypervolume(arc, [0, 0]) == pytest.approx(np.pi / 4, abs=1e-3)

    @settings(max_examples=100)
    @given(points=GRID)
    def test_agrees_with_counting_cells(self, points: np.ndarray) -> None:
        corner = np.full(points.shape[1], 5.0)
        assert hypervolume(points, corner) == pytest.approx(volume_of_cells(points, corner))

    @settings(max_examples=50)
    @given(points=GRID, extra=st.integers(0, 5), seed=st.integers(0, 99))
    def test_another_point_never_takes_volume_away(self, points: np.ndarray, extra: int, seed: int) -> None:
        corner = np.full(points.shape[1], 5.0)
        more = np.vstack([points, np.full(points.shape[1], float(extra))])
        shuffled = np.random.default_rng(seed).permutation(more)
        assert hypervolume(shuffled, corner) >= hypervolume(points, corner)

    def test_reference_is_checked(self) -> None:
        with pytest.raises(ValueError, match="2 objectives"):
            hypervolume([[1, 2]], [1, 2, 3])
        with pytest.raises(ValueError, match="finite"):
            hypervolume([[1, 2]], [1, math.inf])


class TestKnee:
    def test_corner_of_an_l(self) -> None:
        assert knee([[0, 10], [1, 1], [10, 0], [1, 9]]) == 1

    def test_scale_of_an_objective_does_not_matter(self) -> None:
        points = np.array([[0, 10], [3, 4], [5, 1], [10, 0]], dtype=float)
        assert knee(points) == knee(points * [1e9, 1e-3]) == 2

    @pytest.mark.parametrize(
        ("points", "expected"),
        [
            ([[7, 7]], 0),  # one point
            ([[2, 1], [1, 2]], 1),  # two: both on the line, the better first objective
            ([[3, 3], [3, 3]], 0),  # no range at all
            ([[1, 5, 9], [2, 5, 1], [9, 5, 0]], 1),  # one objective is constant
            ([[math.nan, 0], [4, 4]], 1),
            ([[0, math.inf], [1, 5], [2, 1], [9, 0]], 2),  # what is not finite sets no scale
            ([[0, math.inf]], 0),
        ],
    )
    def test_small_and_degenerate(self, points: object, expected: int) -> None:
        assert knee(points) == expected  # type: ignore[arg-type]

    def test_points_on_the_line_tie_and_the_middle_is_nearest_to_the_ideal(self) -> None:
        assert knee([[x / 10, 1 - x / 10] for x in range(11)]) == 5

    def test_three_objectives(self) -> None:
        assert knee([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0.2, 0.2, 0.2], [0.5, 0.5, 0.1]]) == 3

    def test_ends_that_span_no_plane_fall_back_to_equal_sums(self) -> None:
        # The first point is best in two objectives, so there are two ends only. Sums: 1, 0.8, 2.
        assert knee([[0, 0, 1], [0.3, 0.3, 0.2], [1, 1, 0]]) == 1

    def test_no_point(self) -> None:
        with pytest.raises(ValueError, match="knee of no points"):
            knee([[math.nan, 1]])

    @settings(max_examples=80)
    @given(points=GRID)
    def test_is_always_on_the_front(self, points: np.ndarray) -> None:
        assert non_dominated(points)[knee(points)]
