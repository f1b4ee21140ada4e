"""Splits the abalone rows into train, validation, test and batch."""

import argparse
from pathlib import Path

BASE = Path("/opt/ml/processing")


def main() -> None:
    """Keep a share of the rows back: half of it for validation, half for the test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--holdout", type=float, required=True)
    holdout = parser.parse_args().holdout
    (file,) = (BASE / "input" / "abalone").iterdir()
    rows = file.read_text("utf-8").split()
    kept = len(rows) - max(2, round(len(rows) * holdout))
    middle = kept + (len(rows) - kept) // 2
    parts = {"train": rows[:kept], "validation": rows[kept:middle], "test": rows[middle:]}
    parts["batch"] = [row.partition(",")[2] for row in parts["test"]]
    for name, part in parts.items():
        target = BASE / "output" / name
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{name}.csv").write_text("\n".join(part) + "\n", "utf-8")


if __name__ == "__main__":
    main()
