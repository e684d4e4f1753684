"""The training engine: data, networks, local training, predictions and metrics; built on torch."""
