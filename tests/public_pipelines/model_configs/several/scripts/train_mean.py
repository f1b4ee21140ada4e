"""Fits the mean of the rows `y,x`."""

import json
import os
from pathlib import Path


def fit(rows: list[tuple[float, float]]) -> tuple[float, float]:
    """Return a line without a slope: the mean."""
    return 0.0, sum(y for y, _ in rows) / len(rows)


def main() -> None:
    """Train on every channel but those of code and validation, and print the error."""
    data = Path("/opt/ml/input/data")
    files = [file for file in sorted(data.rglob("*.csv")) if "validation" not in str(file)]
    rows = [read(line) for file in files for line in file.read_text("utf-8").splitlines() if line]
    slope, intercept = fit(rows)
    error = (sum((y - slope * x - intercept) ** 2 for y, x in rows) / len(rows)) ** 0.5
    print(f"rmse={error}")
    model = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    (model / "model.json").write_text(json.dumps([slope, intercept]), "utf-8")


def read(line: str) -> tuple[float, float]:
    """Return the two numbers of a row."""
    y, x = line.split(",")[:2]
    return float(y), float(x)


if __name__ == "__main__":
    main()
