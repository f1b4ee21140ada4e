"""What each step type does on this machine: one module a type.

It never decides when a step runs.
"""
