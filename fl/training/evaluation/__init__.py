"""A model's answers, and their quality."""
