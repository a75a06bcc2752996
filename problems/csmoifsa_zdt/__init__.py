"""The ZDT benchmark family."""
PROBLEMS: dict[str, str] = {}
