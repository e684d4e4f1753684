"""Rounds: their phases, their rules, their configuration."""
