"""What surrounds every page: headers, sessions, error pages, static files."""
