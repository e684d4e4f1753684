"""The web site: create_app(config, services)."""
