"""Keeps the rows of one kind."""

import argparse
from pathlib import Path

BASE = Path("/opt/ml/processing")


def main() -> None:
    """Write the rows without their first column, which says what they are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", choices=("claim", "customer"), required=True)
    kind = parser.parse_args().keep
    (file,) = (BASE / "input" / "raw").iterdir()
    rows = [line.partition(",") for line in file.read_text("utf-8").split()]
    target = BASE / "output" / f"{kind}s"
    target.mkdir(parents=True, exist_ok=True)
    kept = [rest for first, _, rest in rows if first == kind]
    (target / "rows.csv").write_text("\n".join(kept) + "\n", "utf-8")


if __name__ == "__main__":
    main()
