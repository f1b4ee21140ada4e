"""Runs locally in place of Clarify's image: writes what it would have measured."""

import json
from pathlib import Path

BASE = Path("/opt/ml/processing")


def main() -> None:
    """Name the methods of the analysis, and count the rows."""
    config = json.loads((BASE / "input/config/analysis_config.json").read_text("utf-8"))
    files = [path for path in (BASE / "input/data").rglob("*.csv") if path.is_file()]
    rows = sum(len(path.read_text("utf-8").split()) for path in files)
    found = {"version": "1.0", "rows": rows, "methods": sorted(config["methods"])}
    (BASE / "output/analysis.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
