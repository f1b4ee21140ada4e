"""The report of a run: one HTML file that needs nothing else, for people.

It reads the run's records and never changes one.
"""

from smp.local.report.page import render_report

__all__ = ["render_report"]
