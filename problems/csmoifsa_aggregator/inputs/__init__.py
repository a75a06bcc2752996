"""Files that users write or bring: the case and the market's prices."""
