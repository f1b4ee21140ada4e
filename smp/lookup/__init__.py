"""The code of functions that a deployed pipeline calls while it runs; a local run calls the same code."""
