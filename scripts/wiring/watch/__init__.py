"""What an agent's process says about itself: its log, its metrics, its health, its signs of life."""
