"""Tables, figures and exported models, made of stored results."""
