"""The compiled code of the optimiser, a module a subject.

==============  ======================================================================================
`random`        counter-based random numbers
`dominance`     comparison of two rows, sorting, non-dominated ranks
`truncation`    crowding distances, and removal of the most crowded rows of a front
`selection`     parent-offspring competition and environmental selection
`parents`       which individuals become parents
`variation`     mutation and repair at the bounds
`behaviours`    one module for each way to make an offspring, and the list of them
`credit`        success of each behaviour, and the probabilities that follow from it
`generation`    plan offspring, accept offspring, and the loop that runs whole generations
`space`         first population, bounds, constraint violation
`fish`          affinities, neighbours and antibody concentrations of the algorithm as published
`records`       the named tuples that the kernels share
==============  ======================================================================================

Each kernel works on C-contiguous arrays in the unit box [0, 1]^n_var, minimises, and keeps nothing between calls. None
checks its input: `csmoifsa.engine` does. A change in any of these files compiles all of them again (`csmoifsa.jit`).

"Reconstructed" marks formulas that the source paper (Dong et al., Electric Power Automation Equipment 42(7), 2022) does
not print; ``docs/assumptions.md`` gives the reason for each.
"""
