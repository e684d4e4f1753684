"""One module a door; each has `open_door`."""
