"""The scripts that a pipeline ships: which files, and where they are stored by content."""
