"""The pricing game, its followers, batteries and costs: plain functions on arrays, without solver or file."""
