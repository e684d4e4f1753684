"""What the site remembers: SQLAlchemy behind small classes."""
