"""The pricing game as a pymoo problem."""
