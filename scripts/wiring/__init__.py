"""What commands are made of: places on disk, options, settings, and roles over real ports."""
