"""What workflows are started with, what their signals carry, and what they tell each other.

These modules only describe data. Workflows import them past the sandbox, which would otherwise make every model anew
for every workflow that starts or is loaded again: two thirds of what that costs.
"""
