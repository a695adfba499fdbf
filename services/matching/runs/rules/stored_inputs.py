"""The inputs of a run as they are stored beside it: written, read again, and compared with the hash that was stored.

The hash is taken of what is stored, and not of what the present code makes of it. A field that is added to a contract
later has its default in old runs; it is not part of their hash, so it does not make them look altered. Pure.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from services.matching.engine.inputs import CODE_VERSION, Inputs, hash_of

OWN_COLUMNS = ("cycle_id", "direction", "policy", "steering")
"""What the run's row holds in columns of their own, beside the column `inputs`."""


HASH_SALT = "hash_salt"
"""Where a run that was stored without a salt has one since the migration 0021, which salted its hash."""


def salted(hash: str, salt: str) -> str:
    """The hash of such a run, as the migration made it of the one before."""
    return hashlib.sha256(f"{salt}{hash}".encode()).hexdigest()


def columns_of(inputs: Inputs, salt: str) -> dict[str, Any]:
    """The columns of a run's row that hold its inputs.

    The hash is shown to readers who do not see all of the inputs. `salt` is stored and never shown, so that nobody can
    find out what they do not see by trying which inputs have that hash.
    """
    document = inputs.model_dump(mode="json") | {"salt": salt}
    own = {name: document.pop(name) for name in OWN_COLUMNS}
    return {
        **own,
        "cycle_id": inputs.cycle_id,
        "seed": str(inputs.cycle_id),
        "inputs": document,
        "inputs_hash": hash_of(document | own),
        "code_version": CODE_VERSION,
    }


class StoredInputs(NamedTuple):
    """What the columns of a run's row hold."""

    cycle_id: UUID
    direction: str
    policy: Mapping[str, Any]
    steering: Mapping[str, Any]
    inputs: Mapping[str, Any]

    def read(self) -> Inputs:
        """What the run was computed from."""
        return _read(self._document())

    def only(self, people: Collection[UUID]) -> "StoredInputs":
        """The same without what is about other people."""
        wanted = {str(person) for person in people}
        stored = self.inputs
        told = {
            "people": [one for one in stored.get("people", ()) if one["person_id"] in wanted],
            "held": [one for one in stored.get("held", ()) if one["person_id"] in wanted],
            "past": [one for one in stored.get("past", ()) if wanted.intersection(one[:2])],
            "tried": [one for one in stored.get("tried", ()) if wanted.intersection(one)],
            "waited": [one for one in stored.get("waited", ()) if one in wanted],
        }
        return self._replace(inputs={**stored, **told})

    def have_hash(self, stored: str) -> bool:
        """Whether these are the inputs that the hash was taken of."""
        salt = self.inputs.get(HASH_SALT)
        plain = self._replace(inputs={name: value for name, value in self.inputs.items() if name != HASH_SALT})
        hashes = hash_of(plain._document()), plain._hash_in_order_of_fields()
        return stored in (hashes if salt is None else [salted(one, salt) for one in hashes])

    def _document(self) -> dict[str, Any]:
        own = {"direction": self.direction, "policy": self.policy, "steering": self.steering}
        return {**self.inputs, **own, "cycle_id": str(self.cycle_id)}

    def _hash_in_order_of_fields(self) -> str:
        """The hash as it was made before decision 0019: of the model's JSON, in which fields stand in the order of
        their declaration. Fields that the row does not hold did not exist then. JSONB keeps no order of keys, so those
        that are no fields are sorted, as they were then."""
        people = [_with_sorted_keys(person, "taught_levels") for person in self.inputs.get("people", ())]
        inputs = _read(_with_sorted_keys(self._document(), "labels") | {"people": people})
        text = inputs.model_dump_json(exclude_unset=True)
        return hashlib.sha256(f"{CODE_VERSION}\n{text}".encode()).hexdigest()


def _read(document: Mapping[str, Any]) -> Inputs:
    """The first version of the code did not count how many cycles ago past pairs met: in its runs all of them count as
    pairs of the cycle before."""
    past = [couple if len(couple) > 2 else [*couple, 1] for couple in document.get("past", ())]
    return Inputs.model_validate({**document, "past": past})


def _with_sorted_keys(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**document, name: dict(sorted(document[name].items()))} if name in document else dict(document)
