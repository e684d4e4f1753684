"""One module per door; each has `open_door`."""
