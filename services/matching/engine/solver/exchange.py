"""What it would cost, exactly, to force a couple that was left out: for all couples of a small pool at once.

Forcing a couple sends one more unit of flow through its edge, and the cheapest way back makes room for it: somebody
gets another partner, or stays alone. The cost is the couple's own shortfall plus the shortest path from its mentee back
to its mentor, on the residual network with reduced costs, of which none is negative, as the prices prove (Ahuja,
Magnanti, Orlin, "Network Flows", chapter 9). All shortest paths are found at once (Floyd 1962; Warshall 1962). Pure.
"""

import numpy as np

from services.matching.engine.rules.pool import Bools, Ints
from services.matching.engine.solver.flow import FREE, Edges, FlowSide, Prices


def exact_costs(edges: Edges, taken: Bools, prices: Prices, mentors: FlowSide, mentees: FlowSide) -> Ints:
    """For each edge, by how much the value of the result would fall if it had to be taken; 0 for edges that are taken.
    `edges` are all couples that may meet. The nodes are the mentors, then the mentees, then one hub that is source and
    sink."""
    count, hub = len(mentors), len(mentors) + len(mentees)
    short = prices.mentors[edges.rows] + prices.mentees[edges.columns] - edges.points
    away = np.full((hub + 1, hub + 1), FREE // 2, dtype=np.int64)
    np.fill_diagonal(away, 0)
    left, chosen = edges.take(~taken), edges.take(taken)
    away[left.rows, left.columns + count] = short[~taken]
    away[chosen.columns + count, chosen.rows] = -short[taken]
    pairs = np.bincount(chosen.rows, minlength=count), np.bincount(chosen.columns, minlength=len(mentees))
    people = np.arange(count), np.arange(count, hub)
    for side, price, numbers, nodes, into in (
        (mentors, prices.mentors, pairs[0], people[0], True),
        (mentees, prices.mentees, pairs[1], people[1], False),
    ):
        least, highest = side.bounds(numbers)
        # One more pair costs as much as the price lies below its highest value; one less, as it lies above its least.
        more, fewer = np.minimum(highest - price, FREE // 2), np.minimum(price - least, FREE // 2)
        to, back = (more, fewer) if into else (fewer, more)
        away[hub, nodes], away[nodes, hub] = to, back
    for node in range(hub + 1):
        np.minimum(away, away[:, node, None] + away[None, node, :], out=away)
    costs = short + away[edges.columns + count, edges.rows]
    return np.where(taken, 0, costs)
