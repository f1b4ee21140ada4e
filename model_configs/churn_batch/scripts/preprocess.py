"""Turns an export of customers into what the churn model reads: its columns, in its order, after the id.

Never fills a value in: the model knows what to do where one is missing.
"""

import os
from pathlib import Path

import pandas as pd

# `{sourceName}` of conf.yaml's preprocess section.
EXPORT = Path("export")
CUSTOMER_ID = "customer_id"
FEATURES = (
    *("female", "senior_citizen", "partner", "dependents", "tenure", "phone_service"),
    *("multiple_lines", "internet_service", "online_security", "online_backup"),
    *("device_protection", "tech_support", "streaming_tv", "streaming_movies", "contract"),
    *("paperless_billing", "payment_method", "monthly_charges", "total_charges"),
)
"""The columns of churn_lightgbm's training data, in their order: batch transform sends no names."""


def load_export(directory: Path) -> pd.DataFrame:
    """All CSV files of an export as one table. Raises ValueError where columns are missing."""
    files = sorted(directory.glob("*.csv"))
    if not files:
        raise FileNotFoundError(f"no .csv file in {directory}")
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    missing = [name for name in (CUSTOMER_ID, *FEATURES) if name not in table]
    if missing:
        raise ValueError(f"the export has no column {', '.join(missing)}")
    return table


def find_rejected(customers: pd.DataFrame) -> pd.Series:
    """The reason why a customer cannot be scored, empty for the rest."""
    reasons = pd.Series("", index=customers.index)
    reasons[customers[CUSTOMER_ID].duplicated()] = "appears before"
    reasons[customers[CUSTOMER_ID].isna()] = "has no id"
    return reasons


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    exported = load_export(root / "input" / EXPORT)
    reasons = find_rejected(exported)
    customers = exported.loc[reasons == "", [CUSTOMER_ID, *FEATURES]]
    rejected = exported.loc[reasons != ""].assign(reason=reasons)
    for name in ("customers", "rejected"):
        (root / "output" / name).mkdir(parents=True, exist_ok=True)
    place = root / "output" / "customers" / "customers.csv"
    customers.to_csv(place, index=False, header=False, lineterminator="\n")
    rejected.to_csv(root / "output" / "rejected" / "rejected.csv", index=False)
    print(f"customers={len(customers)}; rejected={len(rejected)};", flush=True)


if __name__ == "__main__":
    main()
