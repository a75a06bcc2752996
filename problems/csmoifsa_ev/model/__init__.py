"""The pricing model: plain functions on arrays; knows no file, no pymoo, no engine."""
