"""The attack engine: many searches at once, whose questions to the model become full batches."""
