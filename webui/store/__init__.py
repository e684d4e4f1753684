"""The site's database: SQLAlchemy behind small classes."""
