"""Calculations on a reporting line: cycles, the nearest manager who is still there, and levels derived from it.

Pure. People are numbered nodes: a node is a row of the file or a person of the directory. `above[i]` is the node that
`i` reports to, and None at the top.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

Above = Sequence[int | None]
HIGHEST = 100


def find_cycles(above: Above) -> set[int]:
    """The nodes that report to themselves, directly or through other nodes."""
    state = [0] * len(above)  # 0 for a node that was not visited, else the number of the walk that visited it first
    cyclic: set[int] = set()
    for start in range(len(above)):
        walk = start + 1
        node: int | None = start
        while node is not None and not state[node]:
            state[node] = walk
            node = above[node]
        if node is not None and state[node] == walk:
            while node is not None and node not in cyclic:
                cyclic.add(node)
                node = above[node]
    return cyclic


def nearest_above(above: Above, skipped: Collection[int]) -> list[int | None]:
    """For each node the nearest node above it that is not skipped. None if the line ends before, or is a circle."""
    nearest: list[int | None] = []
    known: dict[int, int | None] = {}  # of skipped nodes
    for manager in above:
        path: list[int] = []
        seen: set[int] = set()
        while manager is not None and manager in skipped and manager not in known and manager not in seen:
            path.append(manager)
            seen.add(manager)
            manager = above[manager]
        end = None if manager in seen else known.get(manager, manager) if manager is not None else None
        known.update(dict.fromkeys(path, end))
        nearest.append(end)
    return nearest


def derive_levels(
    above: Above, anchors: dict[int, int], broken: Collection[int], before: Mapping[int, int] | None = None
) -> list[int]:
    """A level for every node, from 1 to HIGHEST: one more for each layer, and 1 for the lowest one.

    The first time, a node's level is `greatest depth - depth + 1`, where the depth counts from 1 at the top. `before`
    are levels of nodes that have one already. They keep the scale: a tree in which people have levels continues with
    the level of its top that most of them agree with, and whoever stands lower than level 1 has level 1. So a new layer
    at the bottom changes nobody.

    `anchors` are nodes whose level is known, such as managers who are in the directory and not in the file. `broken`
    are tops whose manager could not be found. Nobody knows how far they are below the real top, so the levels of their
    people count from the lowest layer below them. `above` has no cycles.
    """
    depth, top = _depths(above, anchors)
    deepest: dict[int, int] = defaultdict(lambda: 1)
    for node, root in enumerate(top):
        deepest[root] = max(deepest[root], depth[node])
    kept = _kept_scales(depth, top, before or {})
    real_tops = [root for root in deepest if root not in anchors and root not in broken]
    scales = [kept[root] for root in real_tops if root in kept]
    greatest = max(scales) if scales else max((deepest[root] for root in real_tops), default=1)

    def level_of_top(root: int) -> int:
        if root in anchors:
            return anchors[root]
        return kept.get(root, deepest[root] if root in broken else greatest)

    return [min(max(1, level_of_top(root) - depth[node] + 1), HIGHEST) for node, root in enumerate(top)]


def _kept_scales(depth: list[int], top: list[int], before: Mapping[int, int]) -> dict[int, int]:
    """For each tree in which people have levels, the level of its top by most of them.

    People of level 1 count only where nobody stands higher, because they can stand below the scale.
    """
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    lowest: dict[int, Counter[int]] = defaultdict(Counter)
    for node, level in before.items():
        (votes if level > 1 else lowest)[top[node]][level + depth[node] - 1] += 1
    if not votes:
        return {}  # everybody has level 1, which is no scale
    agreed = {**lowest, **votes}
    return {root: max(counts.items(), key=lambda item: (item[1], -item[0]))[0] for root, counts in agreed.items()}


def _depths(above: Above, anchors: dict[int, int]) -> tuple[list[int], list[int]]:
    depth, top = [0] * len(above), [0] * len(above)
    for start in range(len(above)):
        path: list[int] = []
        node: int | None = start
        while node is not None and not depth[node]:
            path.append(node)
            node = None if node in anchors else above[node]
        below, root = (depth[node], top[node]) if node is not None else (0, path[-1])
        for number, visited in enumerate(reversed(path), 1):
            depth[visited], top[visited] = below + number, root
    return depth, top
