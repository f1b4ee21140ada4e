"""The report of a run: one HTML file that needs nothing else, for people."""

from smp.local.report.page import render_report

__all__ = ["render_report"]
