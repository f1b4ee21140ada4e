"""Compiles only what changed, and keeps what was compiled."""
