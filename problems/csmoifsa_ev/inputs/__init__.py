"""Files that users write or bring: scenario, tariffs, sessions, vehicles; they build model objects."""
