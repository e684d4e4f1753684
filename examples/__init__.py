"""Examples to read and to run. This file is here because a library installs a package of the same name."""
