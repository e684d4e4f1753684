"""Values as words, and forms."""
