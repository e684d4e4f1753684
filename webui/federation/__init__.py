"""The ports over a real federation."""
