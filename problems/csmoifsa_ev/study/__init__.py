"""Studies with the model: search, choice of a tariff, impact, robustness and calibration."""
