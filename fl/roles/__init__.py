"""One shell per actor: read ports, ask protocol and engines, write ports."""
