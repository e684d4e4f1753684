"""Who asks a committee of trustees to open something."""
