"""The IAM statements that a compiled pipeline needs, role by role."""
