"""The blocks of scores are what the rules say of each couple."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.matching.engine.inputs import Inputs
from services.matching.engine.solver import grid as grids
from services.matching.engine.solver.grid import Grid
from shared.contracts.programs import Direction
from tests.unit.matching_pools import allowed, crowd, forbidding, grid_of, inputs, runs, scores_by_rules
from tests.unit.properties import examples


def whole(grid: Grid) -> list[list[int]]:
    """All blocks; what is forbidden is shown as -1, however far below zero it is."""
    blocks = grid.sweep(lambda _, scores: np.maximum(scores, -1).astype(np.int64).tolist())
    return [row for block in blocks for row in block]


@examples(30)
@given(runs(), st.booleans())
@example(inputs([]), False)
def test_blocks_equal_the_rules_asked_couple_by_couple(run: Inputs, many_values: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids, "FEW_VALUES", 0 if many_values else 192)
        patch.setattr(grids, "LARGE_TEAM", 2)
        patch.setattr(grids, "BLOCK", 2)
        grid = grid_of(run)
        assert whole(grid) == scores_by_rules(grid).tolist()


@examples(15)
@given(runs(), st.booleans(), st.data())
def test_a_part_is_those_rows_and_columns_of_the_whole(run: Inputs, many_values: bool, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids, "FEW_VALUES", 0 if many_values else 192)
        patch.setattr(grids, "LARGE_TEAM", 2)
        grid = grid_of(run)
        rows, columns = (
            np.asarray([index for index in range(count) if data.draw(st.booleans())], dtype=np.int64)
            for count in grid.shape
        )
        part = grid.part(rows, columns)
        expected = scores_by_rules(grid).tolist()
        assert whole(part) == scores_by_rules(part).tolist()
        assert whole(part) == [[expected[row][column] for column in columns] for row in rows]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(("few", "team"), [(4, 3), (4, 64), (192, 64)])
def test_blocks_of_a_larger_pool_equal_the_rules_too(
    monkeypatch: pytest.MonkeyPatch, direction: Direction, few: int, team: int
) -> None:
    """Five time zones, many windows and thirty teams: more values than four, and more rows than one block has."""
    monkeypatch.setattr(grids, "FEW_VALUES", few)
    monkeypatch.setattr(grids, "LARGE_TEAM", team)
    monkeypatch.setattr(grids, "BLOCK", 32)
    policy = {"min_common_hours": 1, "objective": "quality_first", "floor": 20}
    people = crowd(150, seed=3, roles=("mentor", "mentee", "both"))
    run = inputs(people, direction, policy=policy)
    run = forbidding(run, sorted(allowed(run))[:50])
    grid = grid_of(run)
    found = whole(grid)
    assert found == scores_by_rules(grid).tolist()
    assert {score < 0 for row in found for score in row} == {True, False}


def test_single_couples_and_the_whole_agree_with_the_rules_about_who_may_meet() -> None:
    run = inputs(crowd(40, seed=5, roles=("mentor", "mentee", "both")))
    grid = grid_of(run)
    people = grid.pool.people
    shown = {
        (people[grid.rows[row]].person_id, people[grid.columns[column]].person_id): score
        for row, line in enumerate(whole(grid))
        for column, score in enumerate(line)
        if score >= 0
    }
    assert shown == allowed(run)


def test_every_constraint_at_once_stays_below_zero() -> None:
    """However many violations come together, no points make up for them."""
    run = inputs(
        crowd(60, seed=7),
        Direction.TRADITIONAL,
        policy={"different_department": True, "min_common_hours": 40, "min_level_gap": 90},
    )
    grid = grid_of(forbidding(run, [(one.person_id, two.person_id) for one in run.people for two in run.people[:9]]))
    assert {score for row in whole(grid) for score in row} == {-1}
