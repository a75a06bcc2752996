"""What the energy problems share: checked parameters, clocks, case files, readers of market and load files, pages."""

__all__: list[str] = []
