"""Reads model configurations: YAML with positions, typed frozen models, merge rules, placeholders."""
