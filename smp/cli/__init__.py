"""The `smp` command. Importing it imports nothing but the standard library."""

from smp.cli.entry import main

__all__ = ["main"]
