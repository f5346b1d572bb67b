"""The defenses that come with robench: one file per defense."""
