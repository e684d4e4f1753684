"""The process that runs the model, and the site's connection to it."""
