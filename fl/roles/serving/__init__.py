"""The current model for a site: verified, and without long waits."""
