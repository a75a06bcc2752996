"""An electric-vehicle load aggregator in a spot market: day-ahead price, V2G contracts, rolling dispatch.

One module per subject, each importing only those before it: `lp` (the border to HiGHS), `game` (who plays), `follower`
(how drivers answer a price), `supply` (what the energy costs), `certificate` and `stackelberg` (stage one: the price,
with proof), `contracts` (V2G users and stage two), `market` (price files), `forecast`, `dispatch` and `rolling` (real
time), `many` (millions of cars), `problem` (the game for a metaheuristic), `case` (the file a user writes), and, on
top, `study`, `tables`, `figures`, `terminal` and `cli`.
"""
