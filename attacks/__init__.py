"""The attacks that come with robench: one file per attack."""
