"""Models that a user gives: found, tried, asked for scores and attacked as robench's own are."""
