"""Forecasts of real-time prices, and the dispatcher that a control room calls at each step."""
