"""The runs folder, and all arithmetic on its results."""
