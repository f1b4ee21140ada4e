"""Fine-tunes a causal language model with LoRA, and fails the job when it summarizes too badly.

A model above ``max_eval_loss`` is never saved: the step fails, and the pipeline registers nothing.
"""

import argparse
import json
import math
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

# Channels are named `{source step}_{channel}`, with `_` for each `-`.
CHANNEL_PREFIX = "SM_CHANNEL_SUMMARIZATION_PREPROCESS_"
IGNORED = -100  # the label that a causal model's loss leaves out

Row = dict[str, list[int]]
Batch = dict[str, torch.Tensor]


def parse_arguments() -> argparse.Namespace:
    """Hyperparameters, which SageMaker passes as ``--key value``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_id", required=True, help="an input channel, a path or a hub id")
    parser.add_argument("--max_eval_loss", type=float, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--lora_rank", type=int, default=16)
    parser.add_argument("--lora_alpha", type=int, default=32)
    parser.add_argument("--lora_dropout", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def locate_model(model_id: str) -> str:
    """The directory of the input channel called ``model_id``, else ``model_id`` itself."""
    return os.environ.get(f"SM_CHANNEL_{model_id.upper()}", model_id)


def load_rows(part: str) -> list[Row]:
    """The token sequences that preprocess.py wrote."""
    path = Path(os.environ[CHANNEL_PREFIX + part.upper()], f"{part}.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def load_base_model(path: str, device: torch.device) -> PreTrainedModel:
    """The model in bfloat16 on a GPU and in float32 on a CPU."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype).to(device)


def add_adapter(model: PreTrainedModel, options: argparse.Namespace) -> PeftModel:
    """Freezes the model and adds low-rank matrices to all its linear layers."""
    settings = LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, settings)
    trainable, total = adapted.get_nb_trainable_parameters()
    print(f"trainable_parameters={trainable}; all_parameters={total};", flush=True)
    return adapted


def make_batches(rows: list[Row], size: int, device: torch.device) -> Iterator[Batch]:
    """Batches padded on the right, where the attention mask is 0 and labels are ignored."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        width = max(len(row["input_ids"]) for row in part)
        padding = [width - len(row["input_ids"]) for row in part]
        columns = {
            "input_ids": [row["input_ids"] + [0] * n for row, n in zip(part, padding, strict=True)],
            "labels": [row["labels"] + [IGNORED] * n for row, n in zip(part, padding, strict=True)],
            "attention_mask": [[1] * (width - n) + [0] * n for n in padding],
        }
        yield {name: torch.tensor(values, device=device) for name, values in columns.items()}


def fine_tune(
    model: PeftModel, rows: list[Row], options: argparse.Namespace, device: torch.device
) -> None:
    """Trains the adapter with AdamW under a linearly falling learning rate."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate)
    steps = options.epochs * math.ceil(len(rows) / options.batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=steps)
    draw = random.Random(options.seed)
    model.train()
    for epoch in range(options.epochs):
        losses: list[float] = []
        for batch in make_batches(draw.sample(rows, len(rows)), options.batch_size, device):
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch={epoch}; train_loss={sum(losses) / len(losses):.5f};", flush=True)


def compute_loss(model: PeftModel, rows: list[Row], size: int, device: torch.device) -> float:
    """The mean cross-entropy per token of the summaries."""
    model.eval()
    total, tokens = 0.0, 0
    for batch in make_batches(rows, size, device):
        # A causal model predicts each token from those before it: the first has no label.
        count = int((batch["labels"][:, 1:] != IGNORED).sum())
        with torch.no_grad():
            total += float(model(**batch).loss) * count
        tokens += count
    return total / tokens


def save_model(model: PeftModel, base_path: str, model_dir: Path) -> None:
    """Writes merged model, tokenizer, prompt and (``ModelRepack: "False"``) serving code."""
    code_dir = model_dir / "code"
    code_dir.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(model_dir / "adapter")
    model.merge_and_unload().save_pretrained(model_dir)
    AutoTokenizer.from_pretrained(base_path).save_pretrained(model_dir)
    prompt = Path(os.environ[CHANNEL_PREFIX + "BASE_MODEL"], "prompt.txt")
    shutil.copy(prompt, model_dir)
    shutil.copy(Path(__file__).with_name("inference.py"), code_dir)


def main() -> None:
    """Runs one tuning job in the directories that SageMaker's variables name."""
    options = parse_arguments()
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    base_path = locate_model(options.model_id)
    train_rows, test_rows = load_rows("train"), load_rows("test")
    model = add_adapter(load_base_model(base_path, device), options)
    before = compute_loss(model, test_rows, options.batch_size, device)
    print(f"base_loss={before:.5f};", flush=True)
    fine_tune(model, train_rows, options, device)
    loss = compute_loss(model, test_rows, options.batch_size, device)
    print(f"eval_loss={loss:.5f};", flush=True)
    # `not <=`, so that a loss that is not a number fails as well.
    if not loss <= options.max_eval_loss:
        sys.exit(
            f"evaluation loss {loss:.5f} is above the threshold max_eval_loss="
            f"{options.max_eval_loss}: the model is not saved, and nothing is registered"
        )
    save_model(model, base_path, Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")))


if __name__ == "__main__":
    main()
