"""The reporting line: who a manager's cell means, cycles, climbing over people who are gone, and derived levels.

Pure, over numbered nodes: a node is a row of the file or a person of the directory; `above[i]` is the node that `i`
reports to, None at the top.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from enum import Enum

from services.intake.importing.names import NameOrder, PersonName, exact_key, loose_key, parse_name

Above = Sequence[int | None]


class Unresolved(Enum):
    """Why a manager's cells lead to nobody; the value is the reason shown to the admin."""

    UNKNOWN = "The manager is neither in this file nor in the directory."
    AMBIGUOUS = "Several people have the manager's name; give the manager's id or e-mail address instead."
    CONFLICTING = "The manager's columns lead to different people."


class ManagerIndex:
    """Finds a node by id, e-mail address or name. Nodes added first win; the file's active rows come first, so that
    nobody who has left hides one who has not."""

    def __init__(self, order: NameOrder = NameOrder.AUTO) -> None:
        """`order` is how names without a comma are written in the export."""
        self._order = order
        self._by_id: dict[str, int] = {}
        self._by_email: dict[str, int] = {}
        self._by_name: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._by_loose_name: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def add(self, node: int, rank: int, external_id: str | None, email: str | None, name: PersonName) -> None:
        """`rank` 0 is the first choice among people of one name."""
        if external_id:
            self._by_id.setdefault(external_id.casefold(), node)
        if email:
            self._by_email.setdefault(email, node)
        if name.name:
            self._by_name[exact_key(name)].append((rank, node))
            self._by_loose_name[loose_key(name)].append((rank, node))

    def find(self, managers: dict[str, str]) -> int | Unresolved | None:
        """The node that the cells mean, by our field names (`manager` may hold any of the three). None: no cells."""
        if not managers:
            return None
        found = [self._find_one(name, cell) for name, cell in managers.items()]
        nodes = {node for node in found if isinstance(node, int)}
        if len(nodes) == 1:
            return nodes.pop()
        if nodes:
            return Unresolved.CONFLICTING
        return Unresolved.AMBIGUOUS if Unresolved.AMBIGUOUS in found else Unresolved.UNKNOWN

    def _find_one(self, name: str, cell: str) -> int | Unresolved:
        node: int | None = None
        if name in ("manager", "manager_id"):
            node = self._by_id.get(cell.casefold())
        if node is None and name in ("manager", "manager_email"):
            node = self._by_email.get(cell.casefold())
        if node is not None or name not in ("manager", "manager_name"):
            return Unresolved.UNKNOWN if node is None else node
        if cell.endswith(")") and "(" in cell:  # `Jane Doe (1017)`
            cell, _, in_brackets = cell[:-1].rpartition("(")
            if (node := self._by_id.get(in_brackets.strip().casefold())) is not None:
                return node
        found = self._find_by_name(parse_name(cell.strip(), self._order))
        return self._find_by_name(parse_name(cell.strip())) if found is Unresolved.UNKNOWN else found

    def _find_by_name(self, name: PersonName) -> int | Unresolved:
        candidates = self._by_name.get(exact_key(name)) or self._by_loose_name.get(loose_key(name))
        if not candidates:
            return Unresolved.UNKNOWN
        best = min(rank for rank, _ in candidates)
        nodes = {node for rank, node in candidates if rank == best}
        return nodes.pop() if len(nodes) == 1 else Unresolved.AMBIGUOUS


def find_cycles(above: Above) -> set[int]:
    """The nodes that report, over others or directly, to themselves."""
    state = [0] * len(above)  # 0 not seen, otherwise the number of the walk that saw it first
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


def climb(above: Above, skipped: Collection[int]) -> list[int | None]:
    """For each node the nearest one above that is not skipped, None where the line ends or only goes round."""
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


def derive_levels(above: Above, anchors: dict[int, int], broken: Collection[int]) -> list[int]:
    """A level for every node: 1 for the lowest layer, one more for each layer above (depth below the top, turned
    round: `greatest depth - depth + 1`).

    `anchors` are nodes whose level is known, such as managers who are in the directory and not in the file. `broken`
    are tops whose manager could not be found: their people are counted from the bottom of their own part, as nobody
    knows how far below the real top they stand. `above` has no cycles.
    """
    depth, top = _depths(above, anchors)
    deepest: dict[int, int] = defaultdict(lambda: 1)
    for node, root in enumerate(top):
        deepest[root] = max(deepest[root], depth[node])
    real_tops = [root for root in deepest if root not in anchors and root not in broken]
    greatest = max((deepest[root] for root in real_tops), default=1)

    def level_of_top(root: int) -> int:
        return anchors[root] if root in anchors else deepest[root] if root in broken else greatest

    return [max(1, level_of_top(root) - depth[node] + 1) for node, root in enumerate(top)]


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
