"""The pricing model as a pymoo problem."""
