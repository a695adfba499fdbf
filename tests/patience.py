"""How long tests wait for something before they believe that it hangs."""

PATIENCE_SECONDS = 600
"""Waiting is for a state, whenever it comes; this only keeps a test that hangs from hanging for ever. It is long, as a
machine may be busy with other things."""
