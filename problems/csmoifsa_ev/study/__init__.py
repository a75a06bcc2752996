"""Searching, choosing, explaining and calibrating: what an analyst asks of the model."""
