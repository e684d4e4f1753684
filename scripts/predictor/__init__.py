"""The model in a process of its own: the site's side, and the process."""
