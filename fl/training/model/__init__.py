"""The network, its weights as a vector, and its device."""
