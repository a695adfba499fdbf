"""What feedback uses of the gate of figures, `shared/suppression.py`, which holds the rule for all services."""

from shared.suppression import (
    SMALLEST_GROUP,
    ToldMean,
    hidden_cells,
    hidden_sides,
    is_small,
    share_is_told,
    told_mean,
)

__all__ = ["SMALLEST_GROUP", "ToldMean", "hidden_cells", "hidden_sides", "is_small", "share_is_told", "told_mean"]
