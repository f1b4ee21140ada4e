"""Reads model configurations: YAML with positions, typed frozen models, merge rules, placeholders.

It never looks at how steps relate to each other: that is `smp.graph`.
"""
