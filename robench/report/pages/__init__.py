"""Whole pages for people: a study, or one model."""
