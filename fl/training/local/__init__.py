"""One hospital's training."""
