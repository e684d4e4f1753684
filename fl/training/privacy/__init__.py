"""Record-level differential privacy: its terms, its accounting, its noise."""
