"""`hemaledger demo`: a whole federation on this machine."""
