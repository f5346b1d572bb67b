"""Numbers: those that papers printed, those that were measured, and the templates that show them."""
