"""The composition root: commands, settings, wiring, exit codes."""
