"""The runs folder, and all arithmetic on what is in it."""
