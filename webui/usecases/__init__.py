"""What the site does for people, without pages."""
