"""The contract of a defense, and all that it is trained with."""
