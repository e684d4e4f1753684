"""Members and their keys, ceremonies of threshold keys, and requests to open something."""
