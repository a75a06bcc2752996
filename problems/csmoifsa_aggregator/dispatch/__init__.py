"""Real time: forecasts, and the dispatcher that a control room calls each step."""
