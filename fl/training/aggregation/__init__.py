"""From the hospitals' updates to the next global model."""
