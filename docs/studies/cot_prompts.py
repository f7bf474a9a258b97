"""Which prompt makes a small model write a thought, the words `Response:`, and then its response.

Usage: python docs/studies/cot_prompts.py MODEL FOLDER_OF_ESCONV docs/studies/cot_prompts-tables.md

Every third supporter turn of a few dialogues, with the sampling of params.yaml. The prompts differ in where
the examples stand: nowhere (EVA's prompt), in the system message, or as messages before the whole dialogue
written as one text.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from eva.artifacts import write_text
from eva.data.dialogue import SupporterTurn, subset
from eva.data.esconv import load_esconv
from eva.generation.decode import stop_ids
from eva.generation.decode_batches import decode_batches
from eva.generation.sampling import Decoding
from eva.models.loading import load_policy, load_tokenizer
from eva.models.prompts import COT_PROMPT, extract_response
from eva.settings.params_file import read_settings

DIALOGUES, EVERY = 6, 3
Messages = Sequence[dict[str, str]]
TASK = (
    "You are a helpful and considerate supporter. Your job is to generate appropriate emotional supporting "
    "utterances based on the help-seeker's utterance. Before you answer, write one line that starts with "
    "`Thought:` and says what the help-seeker feels and what would help. Then write one line that starts "
    "with `Response:` with the supporter's utterance."
)
EXAMPLES = (
    (
        "I did not get the job. I prepared for weeks and they did not even call me.",
        "They lost a job they worked hard for and feel let down; a reflection of that fits.",
        "You put weeks into it, and then not even a call. That must feel so disappointing.",
    ),
    (
        "My sister stopped talking to me after our fight and I don't know what I did.",
        "They are confused and hurt by their sister's silence; they need to be heard first.",
        "That silence must hurt, most of all when you don't know the reason. What happened before the fight?",
    ),
    (
        "Everyone says I should be over it by now, but I still cry about my dog.",
        "They grieve and feel judged for it; their grief should be validated.",
        "He was with you every day. Of course you still cry, and there is no date by which you have to be "
        "done.",
    ),
)


def none(history: Messages) -> list[dict[str, str]]:
    """EVA's prompt: instructions only."""
    return [_message("system", COT_PROMPT), *history]


def in_system(history: Messages) -> list[dict[str, str]]:
    """Examples in the system message."""
    written = "\n\n".join(f"Help-seeker: {a}\nThought: {b}\nResponse: {c}" for a, b, c in EXAMPLES)
    return [_message("system", f"{TASK}\n\nExamples:\n\n{written}"), *history]


def as_text(history: Messages) -> list[dict[str, str]]:
    """Examples as messages, then the dialogue as the text of one."""
    names = {"user": "Help-seeker", "assistant": "Supporter"}
    text = "\n".join(f"{names[one['role']]}: {one['content'].strip()}" for one in history)
    return [_message("system", TASK), *_shown("Help-seeker: "), _message("user", text)]


def _shown(before: str) -> list[dict[str, str]]:
    pairs = ((before + a, f"Thought: {b}\nResponse: {c}") for a, b, c in EXAMPLES)
    return [
        _message(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


PROMPTS: tuple[tuple[str, Callable[[Messages], list[dict[str, str]]]], ...] = (
    ("instructions only (EVA's)", none),
    ("examples in the system message", in_system),
    ("examples as messages, dialogue as text", as_text),
)


def main(folder: Path, corpus: Path, out: Path) -> None:
    """Try each prompt and write how many answers hold a thought and a response."""
    settings = read_settings(Path("params.yaml")).generate
    tokenizer, policy = load_tokenizer(folder), load_policy(folder, None, "float32")
    rules = Decoding(
        settings.cot_max_new_tokens,
        settings.temperature,
        settings.top_p,
        settings.repetition_penalty,
        stop_ids(policy, tokenizer),
    )
    splits = load_esconv(corpus).splits.values()
    talks = [one for split in splits for one in split if one.turns[0].role == "user"]
    turns = [turn for one in subset(talks, DIALOGUES) for turn in list(one.supporter_turns())[::EVERY]]
    lines = ["# Prompts for a chain of thought", "", "Made by `docs/studies/cot_prompts.py`.", ""]
    lines += ["| prompt | answers | thought and `Response:` | at a first turn | later | cut off |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for name, pose in PROMPTS:
        lines.append(_row(name, turns, _answers(policy, tokenizer, rules, turns, pose)))
        write_text(out, "\n".join([*lines, ""]))


def _answers(
    policy: Any, tokenizer: Any, rules: Decoding, turns: Sequence[SupporterTurn], pose: Any
) -> list[tuple[str, bool]]:
    """Each answer and whether the model ended it."""
    texts = [
        tokenizer.apply_chat_template(pose(turn.history), tokenize=False, add_generation_prompt=True)
        for turn in turns
    ]
    prompts = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    with torch.inference_mode():
        written = dict(decode_batches(policy, prompts, list(range(1, len(prompts) + 1)), rules, 16))
    return [(tokenizer.decode(written[i].ids).strip(), written[i].ended) for i in range(len(turns))]


def _row(name: str, turns: Sequence[SupporterTurn], answers: Sequence[tuple[str, bool]]) -> str:
    found = [extract_response(text) for text, _ in answers]
    right = [one.marked and bool(one.thought) for one in found]
    first = [fits for fits, turn in zip(right, turns, strict=True) if turn.ordinal == 1]
    shares = (f"{sum(one)} of {len(one)}" for one in (right, first))
    later = f"{sum(right) - sum(first)} of {len(right) - len(first)}"
    cut = sum(not ended for _, ended in answers)
    return f"| {name} | {len(turns)} | {' | '.join(shares)} | {later} | {cut} |"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
