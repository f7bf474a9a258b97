"""The system prompts, and the extraction of the response from a chain-of-thought output.

Training, generation and serving use the same prompt (ADR 7); only the variant `cot` and the collection of
candidates, which asks for one level of validation at a time, have their own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eva.artifacts import canonical
from eva.errors import InputError

# Table 3 of the paper; the dialogue history is given as chat messages, not as text in the prompt.
SYSTEM_PROMPT = (
    "You are a helpful and considerate supporter. Your job is to generate appropriate emotional "
    "supporting utterances based on the help-seeker's utterance. Please generate the supporter's "
    "utterance based on the given dialogue history."
)

RESPONSE_MARK = "Response:"

# Written for EVA: the paper compares with chain of thought (Appendix L.1) but gives no prompt for it.
COT_PROMPT = (
    "You are a helpful and considerate supporter. Before you answer the help-seeker, think step by "
    "step in a few short sentences: what is the help-seeker's situation, which emotion do they feel, "
    "and which of the four levels of emotional validation fits this moment: (1) listening and "
    "observing, (2) accurate reflection, (3) validating, or (4) radical genuineness. Then write "
    f"`{RESPONSE_MARK}` followed by the supporter's utterance at that level, and nothing after it."
)

# Table 6 of the paper, word for word; the dialogue history follows as chat messages, as for Table 3.
LEVEL_PROMPTS = {
    1: (
        "You are a helpful and considerate supporter. Your job is to generate appropriate emotional "
        "supporting utterances based on the help-seeker's utterance. Please generate the utterance based "
        "on the criteria below\n\n"
        "LEVEL1: Listening and Observing. LEVEL1 is the listening to and observing of what the help-seeker "
        "is saying, feeling, and doing as well as a corresponding active effort to understand what is being "
        "said and observed. The supporter should not express their own thoughts or offer advice."
    ),
    2: (
        "You are a helpful and considerate supporter. Your job is to generate appropriate emotional "
        "supporting utterances based on the help-seeker's utterance. Please generate the utterance based "
        "on the below criteria\n\n"
        "LEVEL2: Accurate Reflection LEVEL2 aims to express empathy based on the help-seeker's situation "
        "and emotions apprehended in LEVEL 1. The supporter should paraphrase the response of the "
        "help-seeker to express empathy"
    ),
    3: (
        "You are a helpful and considerate supporter. Your job is to generate appropriate emotional "
        "supporting utterances based on the help-seeker's utterance. Please generate the utterance based "
        "on the criteria below\n\n"
        "LEVEL3: Validating LEVEL3 is delivering the response based on validating the overall help-seeker's "
        "situation and feeling. This level aims to alleviate the help-seeker's negative feelings and "
        "emotions."
    ),
    4: (
        "You are a helpful and considerate supporter. Your job is to generate appropriate emotional "
        "supporting utterances based on the help-seeker's utterance. Please generate the utterance based "
        "on the criteria below\n\n"
        "LEVEL4. Radical Genuineness LEVEL4 is the task is to recognize the person as he or she is, seeing "
        "and responding to the strengths and capacities of the individual while keeping a firm empathic "
        "understanding of the client's actual difficulties and incapacities. The purpose of LEVEL 4 is to "
        "facilitate self-validation and reduce emotional distress."
    ),
}

_DECORATION = " \n\t*`#"  # that models put around the mark
_SYSTEM = {
    "eva": SYSTEM_PROMPT,
    "cot": COT_PROMPT,
    **{f"level{level}": text for level, text in LEVEL_PROMPTS.items()},
}


@dataclass(frozen=True, slots=True)
class Extracted:
    """The part of a generated text that is scored, and the thought before it.

    `marked` is false if the fallback was used: then the response is the whole text.
    """

    response: str
    thought: str
    marked: bool


def system_prompt(name: str) -> str:
    """The system message of prompt `name`: `eva`, `cot`, or `level1` to `level4`."""
    if name not in _SYSTEM:
        raise InputError(f"there is no prompt {name!r}; choose one of {', '.join(_SYSTEM)}")
    return _SYSTEM[name]


def conversation(messages: Sequence[Mapping[str, str]], prompt: str) -> list[dict[str, str]]:
    """The chat messages given to a model: the system message, then `messages` with their text stripped.

    Raises:
        InputError: the first message is not the user's, or `prompt` is unknown.
    """
    if not messages or messages[0]["role"] != "user":
        raise InputError("a conversation must start with a user turn; drop the turns before the first one")
    turns = [{"role": m["role"], "content": m["content"].strip()} for m in messages]
    return [{"role": "system", "content": system_prompt(prompt)}, *turns]


def prompt_digest(name: str, rendered: Sequence[str] | None) -> str:
    """sha256 of the system prompt `name` and of texts rendered with it by the chat template.

    `rendered` is None for a served model, whose server applies its own template.
    """
    content = {"rendered": rendered, "system": system_prompt(name)}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def extract_response(text: str) -> Extracted:
    """The text after the last `Response:` of a chain-of-thought output.

    If the mark is missing, or nothing follows it, the whole text is the response and `marked` is false,
    so that callers can count such outputs. The response is empty only if the text is.
    """
    before, mark, after = text.rpartition(RESPONSE_MARK)
    answer = after.strip().strip("*`").strip()
    if mark and answer:
        return Extracted(answer, before.strip(_DECORATION), marked=True)
    whole = before if mark and before.strip() else text
    return Extracted(whole.strip(), "", marked=False)
