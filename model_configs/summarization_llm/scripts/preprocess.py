"""Fetches the base model and turns dialogues with summaries into token sequences for it.

Never trains. What it writes is all that the tuning job reads: no GPU waits for a download.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download  # type: ignore[import-not-found]
from transformers import AutoTokenizer, PreTrainedTokenizerBase

# `{sourceName}` of conf.yaml's preprocess section.
RAW = Path("raw_dialogues")
PROMPT = "Summarize this conversation.\n\n{dialogue}\n\nSummary:"
IGNORED = -100  # the label that a causal model's loss leaves out
MODEL_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]


@dataclass(frozen=True)
class Settings:
    """What conf.yaml's `env` says."""

    model_id: str
    model_revision: str
    max_length: int


def read_settings() -> Settings:
    """Reads the job's environment. Raises KeyError when ``MODEL_ID`` is missing."""
    return Settings(
        model_id=os.environ["MODEL_ID"],
        model_revision=os.environ.get("MODEL_REVISION", "main"),
        max_length=int(os.environ.get("MAX_LENGTH", "1024")),
    )


def fetch_base_model(raw_dir: Path, target: Path, settings: Settings) -> None:
    """Puts the model into ``target``: the one staged beside the data, else the hub's."""
    staged = raw_dir / "base_model"
    if (staged / "config.json").is_file():
        print(f"base model: staged beside the data; MODEL_ID {settings.model_id} is not used")
        shutil.copytree(staged, target, dirs_exist_ok=True)
        return
    print(f"base model: {settings.model_id} at {settings.model_revision} from the hub", flush=True)
    snapshot_download(
        settings.model_id,
        revision=settings.model_revision,
        local_dir=target,
        allow_patterns=MODEL_FILES,
    )


def tokenize_example(
    example: dict[str, str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> dict[str, list[int]] | None:
    """Prompt and summary as tokens, with labels on the summary alone; None when it is too long."""
    prompt = tokenizer(PROMPT.format(dialogue=example["dialogue"]))["input_ids"]
    summary = tokenizer(f" {example['summary']}", add_special_tokens=False)["input_ids"]
    summary = [*summary, tokenizer.eos_token_id]
    if len(prompt) + len(summary) > max_length:
        return None
    return {"input_ids": [*prompt, *summary], "labels": [IGNORED] * len(prompt) + summary}


def read_examples(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a JSON-lines file with ``dialogue`` and ``summary``."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def tokenize_file(
    source: Path, target: Path, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> None:
    """Writes the tokenized rows. Raises ValueError when no row is short enough."""
    rows = [tokenize_example(example, tokenizer, max_length) for example in read_examples(source)]
    kept = [row for row in rows if row is not None]
    if not kept:
        raise ValueError(f"no row of {source.name} fits into {max_length} tokens: raise MAX_LENGTH")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    print(f"{source.stem}_rows={len(kept)}; {source.stem}_too_long={len(rows) - len(kept)};")


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    settings = read_settings()
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    raw_dir, output_dir = root / "input" / RAW, root / "output"
    base_model = output_dir / "base_model"
    base_model.mkdir(parents=True, exist_ok=True)
    fetch_base_model(raw_dir, base_model, settings)
    (base_model / "prompt.txt").write_text(PROMPT, encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    for part in ("train", "test"):
        target = output_dir / part / f"{part}.jsonl"
        tokenize_file(raw_dir / f"{part}.jsonl", target, tokenizer, settings.max_length)


if __name__ == "__main__":
    main()
