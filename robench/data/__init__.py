"""Tasks: what one declares, and its rows from files, the Hub or a package."""
