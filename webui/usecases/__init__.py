"""The use cases of the site: what happens behind the pages."""
