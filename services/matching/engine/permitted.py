"""Whom the rules would let meet among people who have not enrolled yet: counts, and no pairs.

Everybody counts for either part. What people will answer is not known, so that topics, wishes and avoid lists play no
part, and everybody can meet in all working hours of their time zone. Pure.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from services.matching.engine.inputs import noon_of
from services.matching.engine.rules.eligibility import Constraint, Rules, blocked_couples, violations
from services.matching.engine.rules.participant import prepare
from services.matching.engine.rules.pool import Pool
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction

BLOCK = 256
"""Mentors whose couples are looked at in one go: 256 times 2,000 couples of each rule take some megabytes."""


class Permitted(NamedTuple):
    mentors: int
    """People who could mentor somebody."""
    mentees: int
    nobody: int
    """People who could be in no pair at all."""
    possible: int
    """Couples of two different people. In a mutual program two people are one couple, and otherwise two: either may
    be the mentor."""
    couples: int
    """Those of them that no rule forbids."""
    ruled_out: dict[Constraint, int]
    """How many of them each rule forbids; a couple counts for each rule that forbids it."""


def permitted(
    people: Sequence[PoolPerson], rules: Rules, week: date, go_on: Callable[[], None] = lambda: None
) -> Permitted:
    """`week` is the Monday of the week whose clock times count. `go_on` is called between the steps."""
    pool = Pool([prepare(person, noon_of(week)) for person in people])
    everybody, blocked = np.arange(len(pool)), blocked_couples(pool, rules)
    mentors, mentees = np.zeros(len(pool), dtype=np.bool_), np.zeros(len(pool), dtype=np.bool_)
    couples, ruled_out = 0, Counter[Constraint]()
    for start in range(0, len(pool), BLOCK):
        go_on()
        rows = everybody[start : start + BLOCK]
        found = violations(pool, rules, rows[:, None], everybody[None, :], blocked)
        oneself = found.pop(Constraint.SELF)
        allowed = ~np.logical_or.reduce([oneself, *found.values()])
        mentors[rows] = allowed.any(axis=1)
        mentees |= allowed.any(axis=0)
        couples += int(allowed.sum())
        ruled_out.update({constraint: int((violated & ~oneself).sum()) for constraint, violated in found.items()})
    each = 2 if rules.direction is Direction.MUTUAL else 1
    return Permitted(
        mentors=int(mentors.sum()),
        mentees=int(mentees.sum()),
        nobody=int((~(mentors | mentees)).sum()),
        possible=len(pool) * (len(pool) - 1) // each,
        couples=couples // each,
        ruled_out={one: ruled_out[one] // each for one in Constraint if ruled_out[one]},
    )
