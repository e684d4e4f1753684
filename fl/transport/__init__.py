"""Other machines, over HTTP: adapters that translate and never decide."""
