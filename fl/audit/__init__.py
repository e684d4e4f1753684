"""The audit of a consortium: it replays every record, checks every file and reports findings."""
