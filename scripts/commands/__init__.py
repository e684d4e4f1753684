"""The subcommands of `hemaledger`, one module each."""
