"""The contracts as Python sees them: ABI, events, reverts, lookups."""
