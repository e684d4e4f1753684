"""What a model answers, and how good its answers are."""
