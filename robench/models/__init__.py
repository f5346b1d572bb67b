"""Encoders, the classifier on top of one, and how both are run."""
