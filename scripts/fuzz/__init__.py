"""Fuzzing: random and damaged bytes at every door through which outside bytes come in."""
