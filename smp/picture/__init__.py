"""Draws a compiled pipeline: SVG and Mermaid."""
