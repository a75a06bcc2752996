"""Electric-vehicle pricing problems."""
PROBLEMS: dict[str, str] = {}
COMMANDS: dict[str, str] = {}
