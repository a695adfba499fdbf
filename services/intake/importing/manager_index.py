"""Finding the person whom a manager's cells mean: by employee id, e-mail address or name."""

from enum import Enum

from services.intake.importing.cells import fold_email
from services.intake.importing.names import NameOrder, PersonName, exact_key, loose_key, parse_name, slug
from shared.contracts.imports import ProblemCode


class Unresolved(Enum):
    """Why no person is found for the cells of a manager. The value is the problem that is shown to the admin."""

    UNKNOWN = ProblemCode.MANAGER_UNKNOWN
    AMBIGUOUS = ProblemCode.MANAGER_AMBIGUOUS
    CONFLICTING = ProblemCode.MANAGERS_CONFLICT


class ManagerIndex:
    """Finds a person, who is a numbered node, by employee id, e-mail address or name.

    If two nodes have the same id or address, the one that was added first is found. Therefore the active people of the
    file are added before those who have left.
    """

    def __init__(self, order: NameOrder = NameOrder.AUTO) -> None:
        """`order` is the order in which the export writes names that have no comma."""
        self._order = order
        self._by_id: dict[str, int] = {}
        self._by_email: dict[str, int] = {}
        self._by_number: dict[str, int] = {}
        self._by_name: dict[str, tuple[int, int | Unresolved]] = {}
        self._by_loose_name: dict[str, tuple[int, int | Unresolved]] = {}

    def add(self, node: int, rank: int, external_id: str | None, email: str | None, name: PersonName) -> None:
        """Adds a person. Among people with the same name, the one with the lowest `rank` is found."""
        if external_id:
            self._by_id.setdefault(external_id.casefold(), node)
            self._by_number.setdefault(external_id.lstrip("0"), node)
        if email:
            self._by_email.setdefault(email, node)
        if name.name:
            _keep_best(self._by_name, exact_key(name), rank, node)
            if slug(name.name):
                _keep_best(self._by_loose_name, loose_key(name), rank, node)

    def find(self, managers: dict[str, str]) -> int | Unresolved | None:
        """The node that the cells mean.

        They are given by our fields, of which `manager` may contain an id, an address or a name. None if there are no
        cells.
        """
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
            if node is None and cell.isdigit():  # a spreadsheet has taken the leading zeros
                node = self._by_number.get(cell.lstrip("0"))
        if node is None and name in ("manager", "manager_email"):
            node = self._by_email.get(fold_email(cell))
        if node is not None or name not in ("manager", "manager_name"):
            return Unresolved.UNKNOWN if node is None else node
        if cell.endswith(")") and "(" in cell:  # `Jane Doe (1017)`
            cell, _, in_brackets = cell[:-1].rpartition("(")
            if (node := self._by_id.get(in_brackets.strip().casefold())) is not None:
                return node
        found = self._find_by_name(parse_name(cell.strip(), self._order))
        return self._find_by_name(parse_name(cell.strip())) if found is Unresolved.UNKNOWN else found

    def _find_by_name(self, name: PersonName) -> int | Unresolved:
        found = self._by_name.get(exact_key(name))
        if found is None and slug(name.name):
            found = self._by_loose_name.get(loose_key(name))
        return Unresolved.UNKNOWN if found is None else found[1]


def _keep_best(names: dict[str, tuple[int, int | Unresolved]], key: str, rank: int, node: int) -> None:
    """Keeps the node with the lowest rank. A list of all people with the name could be the whole company."""
    best = names.get(key)
    if best is None or rank < best[0]:
        names[key] = (rank, node)
    elif rank == best[0] and best[1] != node:
        names[key] = (rank, Unresolved.AMBIGUOUS)
