"""Files that analysts bring: load curves, tariffs, sessions, vehicle types, market prices.

Nothing is repaired in silence: a fault is told with file, line and column, all faults of a file at once; what was
filled on request, or averaged where the clocks change, stands in the notes that every loader returns.
"""
