"""The output of commands: reports, explanations, progress."""
