"""The current model for somebody who answers people: verified, and never waited for long."""
