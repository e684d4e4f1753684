"""The site's HTTP server."""
