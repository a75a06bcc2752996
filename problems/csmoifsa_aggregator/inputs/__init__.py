"""Input files of users: the case and the market prices."""
