"""Shows runs in the terminal: progress, results, comparison."""
