"""Benchmarks that anyone can run; each prints a table and writes build/bench/NAME.json."""
