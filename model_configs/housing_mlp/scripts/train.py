"""Trains a multilayer perceptron on house prices with Keras and exports it as plain arrays.

Never reads the test rows that lie in the same channel.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

# The channel is named `{source step}_{channel}`, with `_` for each `-`.
CHANNEL = "SM_CHANNEL_HOUSING_MLP_PREPROCESS_TRAIN"

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PricedHouses:
    """The network's input and the prices in dollars."""

    features: Matrix
    prices: Matrix


@dataclass(frozen=True)
class LogScale:
    """Prices are learnt as standardised logarithms: errors count in per cent, not in dollars."""

    mean: float
    deviation: float

    def encode(self, prices: Matrix) -> Matrix:
        """Dollars to what the network predicts."""
        return np.asarray((np.log(prices) - self.mean) / self.deviation, dtype=np.float32)


class MetricLines(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints ``val_rmse_log=…`` lines, which a metric definition can scrape."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Errors of the natural logarithm of the price."""
        values = logs or {}
        train, validation = (self.deviation * values[name] ** 0.5 for name in ("mse", "val_mse"))
        print(
            f"epoch={epoch}; train_rmse_log={train:.5f}; val_rmse_log={validation:.5f};", flush=True
        )


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters, which SageMaker passes as ``--key value``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--patience", type=int, default=15)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--learning_rate", type=float, default=0.002)
    parser.add_argument("--weight_decay", type=float, default=0.001)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--hidden_units", default="64,32", help="comma-separated layer widths")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def load_part(directory: Path) -> PricedHouses:
    """What preprocess.py wrote into ``directory``."""
    name = directory.name
    return PricedHouses(
        np.loadtxt(directory / f"x_{name}.csv", delimiter=",", skiprows=1, dtype=np.float32),
        np.loadtxt(directory / f"y_{name}.csv", delimiter=",", skiprows=1, dtype=np.float32),
    )


def build_network(input_width: int, options: argparse.Namespace) -> keras.Model:
    """Dense ReLU layers with dropout between them, and one linear output."""
    layers: list[keras.Layer] = [keras.Input((input_width,))]
    for width in options.hidden_units.split(","):
        penalty = keras.regularizers.L2(options.weight_decay)
        layers += [
            keras.layers.Dense(int(width), activation="relu", kernel_regularizer=penalty),
            keras.layers.Dropout(options.dropout),
        ]
    network = keras.Sequential([*layers, keras.layers.Dense(1)])
    network.compile(keras.optimizers.Adam(options.learning_rate), loss="mse", metrics=["mse"])
    return network


def train_network(
    train: PricedHouses, validation: PricedHouses, scale: LogScale, options: argparse.Namespace
) -> keras.Model:
    """Fits until the validation error stops falling, and keeps the best epoch's weights."""
    network = build_network(train.features.shape[1], options)
    stop = keras.callbacks.EarlyStopping(
        "val_mse", patience=options.patience, restore_best_weights=True
    )
    network.fit(
        train.features,
        scale.encode(train.prices),
        validation_data=(validation.features, scale.encode(validation.prices)),
        batch_size=options.batch_size,
        epochs=options.epochs,
        callbacks=[stop, MetricLines(scale.deviation)],
        verbose=0,
    )
    return network


def save_model(network: keras.Model, scale: LogScale, model_dir: Path) -> None:
    """Writes the Keras model, and its layers as arrays: inference.py needs NumPy only."""
    model_dir.mkdir(parents=True, exist_ok=True)
    network.save(model_dir / "model.keras")
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    arrays: dict[str, Any] = {}
    for index, layer in enumerate(dense):
        kernel, bias = layer.get_weights()
        arrays |= {f"kernel_{index}": kernel, f"bias_{index}": bias}
    np.savez(model_dir / "layers.npz", **arrays)
    facts = {"layers": len(dense), "log_mean": scale.mean, "log_deviation": scale.deviation}
    (model_dir / "network.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")


def main() -> None:
    """Runs one training job in the directories that SageMaker's variables name."""
    options = parse_arguments()
    keras.utils.set_random_seed(options.seed)
    channel = Path(os.environ[CHANNEL])
    train, validation = load_part(channel / "train"), load_part(channel / "validation")
    logs = np.log(train.prices)
    scale = LogScale(mean=float(logs.mean()), deviation=float(logs.std()))
    network = train_network(train, validation, scale, options)
    save_model(network, scale, Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")))


if __name__ == "__main__":
    main()
