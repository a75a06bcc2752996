"""Results as tables, figures, an HTML page, and text on the terminal."""
