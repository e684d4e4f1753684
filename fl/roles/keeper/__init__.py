"""The keeper of the log: signs checkpoints, records them, collects cosignatures and publishes."""
