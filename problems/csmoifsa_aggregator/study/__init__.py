"""A whole day of the aggregator, its baselines, and rolling tests over many days."""
