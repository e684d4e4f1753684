"""The protections that scripts/bench/protections.py compares, one module each; outside libraries are imported late."""
