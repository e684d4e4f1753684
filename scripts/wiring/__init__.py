"""The parts of commands: options, folders, settings, and roles over real ports."""
