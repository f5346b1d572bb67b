"""Plug-ins: the names that can be given on the command line, and the values of their fields."""
