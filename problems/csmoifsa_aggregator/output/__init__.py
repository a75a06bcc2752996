"""Results as tables, figures, a page, and on the terminal."""
