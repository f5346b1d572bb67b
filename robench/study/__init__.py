"""What to run, and running it: requests, the plan of their stages, and the runner."""
