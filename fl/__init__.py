"""Federated learning: rules, engines and roles."""
