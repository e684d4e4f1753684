"""The training engine: data, networks, local training, predictions and metrics. Over torch; no network, no clock."""
