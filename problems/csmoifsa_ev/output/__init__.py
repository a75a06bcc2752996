"""Results of a study as tables, figures, a page, and on the terminal."""
