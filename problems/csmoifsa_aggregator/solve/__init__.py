"""Stage one with proof of optimality, and stage two, by linear and mixed-integer programs."""
