"""JSON-RPC to an Ethereum node."""
