"""Files that analysts bring: load curves, tariffs, sessions, vehicle types, market prices.

Nothing is repaired in silence: an error lists all faults of a file with line and column; values filled on request, or
averaged where the clocks change, are listed in the notes that every reader returns.
"""
