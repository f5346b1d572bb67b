"""Simulated studies, in which the truth is known: how often intervals hold it, and tests find what is not there."""
