"""Reads configuration files: YAML with positions, placeholders, scripts beside them."""
