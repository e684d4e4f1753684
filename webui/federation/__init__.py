"""The ports, implemented over a real federation."""
