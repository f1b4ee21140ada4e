"""Writes text for people and files: messages, durations, tables, strict JSON, atomic files."""
