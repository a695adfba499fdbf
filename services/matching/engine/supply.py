"""Supply and demand of topics in the pool: what is taught, what is wanted, and which topics lack teachers. Pure."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from services.matching.engine.rules.pool import Pool
from shared.contracts.intake import TopicSupply


def topic_supply(pool: Pool, labels: Mapping[str, str]) -> tuple[TopicSupply, ...]:
    """Topics that somebody teaches or wants. First come those that are wanted by the most people beyond the places of
    their teachers."""
    teaches = (pool.taught > 0) & (pool.mentor_places > 0)[:, None]
    wants = (pool.wanted > 0) & (pool.mentee_places > 0)[:, None]
    first = Counter(next(iter(person.wanted), None) for person in pool.people if person.mentee_places)
    counts = np.stack([teaches.sum(axis=0), pool.mentor_places @ teaches, wants.sum(axis=0)], axis=1).tolist()
    found = [
        TopicSupply(
            topic=topic,
            label=labels.get(topic, topic),
            teachers=teachers,
            places=taught,
            wanted_by=wanted,
            first_choice_of=first[topic],
        )
        for topic, (teachers, taught, wanted) in zip(pool.topics, counts, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.places - one.wanted_by, one.topic)))
