"""Fuzzing: random and damaged bytes for every door, a place where bytes from outside come in."""
