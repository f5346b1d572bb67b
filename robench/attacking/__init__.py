"""The contract of an attack, and the engine that runs many searches at once."""
