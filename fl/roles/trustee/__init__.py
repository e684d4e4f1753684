"""The trustee: takes part in ceremonies, keeps shares, answers requests."""
