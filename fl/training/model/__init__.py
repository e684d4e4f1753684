"""The network, its weights as a vector, and the device that it runs on."""
