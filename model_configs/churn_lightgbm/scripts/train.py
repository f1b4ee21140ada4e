"""Trains the churn classifier: CSV channels in, a LightGBM model and its serving code out.

Never reads the test data; the rounds are chosen on the validation channel.
"""

import argparse
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import pandas as pd

LABEL = "churn"


@dataclass(frozen=True)
class CustomerTable:
    """Features and labels of one channel."""

    features: pd.DataFrame
    labels: pd.Series


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters, which SageMaker passes as ``--key value``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--num_boost_round", type=int, default=400)
    parser.add_argument("--early_stopping_rounds", type=int, default=40)
    parser.add_argument("--learning_rate", type=float, default=0.05)
    parser.add_argument("--num_leaves", type=int, default=15)
    parser.add_argument("--min_data_in_leaf", type=int, default=40)
    parser.add_argument("--feature_fraction", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def load_channel(directory: Path) -> CustomerTable:
    """All CSV files of a channel as one table. Raises FileNotFoundError when there is none."""
    files = sorted(directory.glob("*.csv"))
    if not files:
        raise FileNotFoundError(f"no .csv file in the channel directory {directory}")
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    return CustomerTable(features=table.drop(columns=LABEL), labels=table[LABEL])


def find_categories(features: pd.DataFrame) -> dict[str, list[str]]:
    """The values of each text column, sorted: what the model knows at inference."""
    text = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    return {str(name): sorted(map(str, features[name].dropna().unique())) for name in text}


def encode_features(table: CustomerTable, categories: dict[str, list[str]]) -> lgb.Dataset:
    """A LightGBM data set in which text columns are categories; unseen values are missing."""
    types = {name: pd.CategoricalDtype(values) for name, values in categories.items()}
    return lgb.Dataset(table.features.astype(types), label=table.labels, free_raw_data=False)


def print_metrics(period: int) -> Callable[[lgb.callback.CallbackEnv], None]:
    """A callback that prints ``valid_auc=…`` lines, which a metric definition can scrape."""

    def report(env: lgb.callback.CallbackEnv) -> None:
        if env.iteration % period and env.iteration + 1 != env.end_iteration:
            return
        values = [
            f"{data}_{name}={value:.5f};"
            for data, name, value, *_ in env.evaluation_result_list or ()
        ]
        print(f"round={env.iteration};", *values, flush=True)

    return report


def train_model(train: lgb.Dataset, valid: lgb.Dataset, options: argparse.Namespace) -> lgb.Booster:
    """Boosts until the validation AUC stops rising."""
    parameters = {
        "objective": "binary",
        "metric": ["auc", "binary_logloss"],
        "learning_rate": options.learning_rate,
        "num_leaves": options.num_leaves,
        "min_data_in_leaf": options.min_data_in_leaf,
        "feature_fraction": options.feature_fraction,
        "seed": options.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    stop = lgb.early_stopping(options.early_stopping_rounds, first_metric_only=True, verbose=False)
    return lgb.train(
        parameters,
        train,
        num_boost_round=options.num_boost_round,
        valid_sets=[valid],
        valid_names=["valid"],
        callbacks=[stop, print_metrics(period=10)],
    )


def save_model(booster: lgb.Booster, categories: dict[str, list[str]], model_dir: Path) -> None:
    """Writes the model, what it expects, and (``ModelRepack: "False"``) its own serving code."""
    model_dir.mkdir(parents=True, exist_ok=True)
    booster.save_model(model_dir / "model.txt")
    expects = {"features": booster.feature_name(), "categories": categories}
    (model_dir / "features.json").write_text(json.dumps(expects, indent=2), encoding="utf-8")
    code_dir = model_dir / "code"
    code_dir.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("inference.py"), code_dir)


def main() -> None:
    """Runs one training job in the directories that SageMaker's variables name."""
    options = parse_arguments()
    train = load_channel(Path(os.environ["SM_CHANNEL_TRAIN"]))
    validation = load_channel(Path(os.environ["SM_CHANNEL_VALIDATION"]))
    categories = find_categories(train.features)
    booster = train_model(
        encode_features(train, categories), encode_features(validation, categories), options
    )
    best = booster.best_score["valid"]["auc"]
    print(f"best_round={booster.best_iteration}; valid_auc_of_best_round={best:.5f};", flush=True)
    save_model(booster, categories, Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")))


if __name__ == "__main__":
    main()
