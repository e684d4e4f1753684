"""The protections that scripts/bench/protections.py compares, one module each. Other libraries are imported late."""
