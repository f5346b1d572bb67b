"""The tasks that come with robench: one file per data set."""
