"""The inputs, one module for each part of robench that they reach."""
