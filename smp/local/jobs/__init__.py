"""What each step type does on this machine: one module a type."""
