"""Studies of one day of the aggregator, its baselines, and backtests of rolling dispatch over many days."""
