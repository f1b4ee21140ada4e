"""Stages dialogues with summaries, and for a laptop also a tiny base model, for summarization-llm.

Never part of the pipeline: it runs once on a laptop or a notebook, and its output directory is then
copied to the bucket as it is, so that ``DIR/summarization/raw/train.jsonl`` becomes
``s3://BUCKET/summarization/raw/train.jsonl``. The dialogues come from templates and a fixed seed:
a stand-in of the right shape for real ones.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer  # type: ignore[import-not-found]
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SEED = 20_240_603
TRAIN_ROWS = 320
TEST_ROWS = 48
TINY_VOCABULARY = 512
TINY_STEPS = 150
END = "<|endoftext|>"

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo")
ITEMS = ("a kettle", "a lamp", "two chairs", "a desk", "a rug", "three mugs")
FAULTS = {
    "arrived broken": "a broken delivery",
    "never came": "a missing delivery",
    "came in the wrong colour": "a wrong colour",
}
REMEDIES = {
    "send a new one today": "a replacement",
    "give the money back": "a refund",
    "take ten per cent off": "a discount",
}


def make_example(draw: random.Random) -> dict[str, str]:
    """One conversation of a customer with a shop, and its summary."""
    name, item = draw.choice(NAMES), draw.choice(ITEMS)
    fault, remedy = draw.choice(list(FAULTS)), draw.choice(list(REMEDIES))
    lines = [
        f"{name}: Hello, I ordered {item} and it {fault}.",
        "Shop: I am sorry to hear that.",
        f"{name}: What can you do?",
        f"Shop: We can {remedy}.",
        f"{name}: {draw.choice(('Good, thank you.', 'That is fine.', 'Please do.'))}",
    ]
    summary = f"{name} ordered {item}, reports {FAULTS[fault]} and gets {REMEDIES[remedy]}."
    return {"dialogue": "\n".join(lines), "summary": summary}


def write_dialogues(directory: Path) -> list[dict[str, str]]:
    """Writes ``train.jsonl`` and ``test.jsonl``; returns the training examples."""
    draw = random.Random(SEED)
    examples = [make_example(draw) for _ in range(TRAIN_ROWS + TEST_ROWS)]
    parts = {"train": examples[:TRAIN_ROWS], "test": examples[TRAIN_ROWS:]}
    directory.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        lines = "".join(json.dumps(example) + "\n" for example in part)
        (directory / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return parts["train"]


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of a few hundred tokens."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        texts, vocab_size=TINY_VOCABULARY, special_tokens=[END], show_progress=False
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer._tokenizer, eos_token=END)


def train_tiny_model(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """A two-layer model that has read the texts, but has never seen the prompt."""
    torch.manual_seed(SEED)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    model = Qwen2ForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rows = [torch.tensor(tokenizer(text + END)["input_ids"]) for text in texts]
    draw = random.Random(SEED)
    for _ in range(TINY_STEPS):
        batch = torch.nn.utils.rnn.pad_sequence(
            draw.sample(rows, 8), batch_first=True, padding_value=-100
        )
        loss = model(input_ids=batch.clamp(min=0), labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    print(f"tiny base model: loss={loss.item():.3f} after {TINY_STEPS} steps", flush=True)
    return model


def stage_data(output: Path, base_model: str) -> None:
    """Writes the dialogues, and the tiny model beside them unless ``base_model`` is ``hub``."""
    directory = output / "summarization" / "raw"
    examples = write_dialogues(directory)
    if base_model == "hub":
        return
    texts = [example["dialogue"] + "\n" + example["summary"] for example in examples]
    tokenizer = train_tokenizer(texts)
    tokenizer.save_pretrained(directory / "base_model")
    train_tiny_model(texts, tokenizer).save_pretrained(directory / "base_model")


def main() -> None:
    """Command line: ``prepare_data.py --output DIR [--base-model tiny|hub]``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="what the bucket will hold")
    parser.add_argument(
        "--base-model",
        choices=("tiny", "hub"),
        default="tiny",
        help="tiny: stage a model made on the spot; hub: let the pipeline download MODEL_ID",
    )
    options = parser.parse_args()
    stage_data(options.output, options.base_model)


if __name__ == "__main__":
    main()
