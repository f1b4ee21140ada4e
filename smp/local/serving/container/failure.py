"""Where a transform job leaves the reason of its failure for the runner.

It never reads or writes the file.
"""

from pathlib import Path

FAILURE = Path("/opt/ml/output/failure")
