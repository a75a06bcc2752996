"""The pricing game, its followers, batteries and costs: plain functions on arrays; knows no solver and no file."""
