"""Serves summaries through the four handlers of SageMaker's Hugging Face and PyTorch images.

Reads nothing but the model's directory: the module is shipped inside it, as ``code/inference.py``.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

JSON = "application/json"
MAX_NEW_TOKENS = 128


@dataclass(frozen=True)
class Summarizer:
    """The fine-tuned model with the tokenizer and prompt that it was tuned with."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prompt: str


def model_fn(model_dir: str) -> Summarizer:
    """Loads what train.py saved, onto a GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(model_dir).to(device).eval()
    prompt = Path(model_dir, "prompt.txt").read_text(encoding="utf-8")
    return Summarizer(model, AutoTokenizer.from_pretrained(model_dir), prompt)


def input_fn(request_body: str | bytes, content_type: str) -> list[str]:
    """Reads ``{"dialogues": ["…", …]}``."""
    if content_type.split(";")[0].strip() != JSON:
        raise ValueError(f"content type {content_type!r} is not supported; send {JSON}")
    request = json.loads(request_body)
    if not isinstance(request, dict) or not isinstance(request.get("dialogues"), list):
        raise ValueError('the request must be {"dialogues": ["…", …]}')
    return [str(dialogue) for dialogue in request["dialogues"]]


def predict_fn(dialogues: list[str], model: Summarizer) -> list[str]:
    """The likeliest summary of each dialogue."""
    summaries = []
    for dialogue in dialogues:
        prompt = model.tokenizer(model.prompt.format(dialogue=dialogue), return_tensors="pt")
        tokens = model.model.generate(
            input_ids=prompt["input_ids"].to(model.model.device),
            attention_mask=prompt["attention_mask"].to(model.model.device),
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            pad_token_id=model.tokenizer.eos_token_id,
        )
        answer = tokens[0, prompt["input_ids"].shape[1] :]
        summaries.append(model.tokenizer.decode(answer, skip_special_tokens=True).strip())
    return summaries


def output_fn(summaries: list[str], accept: str) -> str:
    """``{"summaries": ["…", …]}`` in the order of the request."""
    if accept not in (JSON, "*/*"):
        raise ValueError(f"accept {accept!r} is not supported; ask for {JSON}")
    return json.dumps({"summaries": summaries})
