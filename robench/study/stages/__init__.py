"""The kinds of stages: one file for each, with its identity, its needs and its making."""
