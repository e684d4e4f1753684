"""A chain that members run together: the keys of its nodes, its first block, and their settings."""
