"""A whole generation: load a policy, answer the test dialogues, write one file, resumable."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import digest_path, fingerprint, write_jsonl
from eva.data.dialogue import Dialogue
from eva.devices import decide
from eva.errors import InputError
from eva.generation.response import Partial, Response, count
from eva.models.loading import Policy
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generated:
    """Counts (`words`: mean length of a response) and what the responses follow from."""

    counts: dict[str, float]
    provenance: dict[str, Any]


def generate_file(
    policy: Policy, dialogues: Sequence[Dialogue], settings: Generate, seed: int, out: Path, store: Path
) -> Generated:
    """Write one response per supporter turn of `dialogues` to `out` (JSON lines).

    What an interrupted run of the same model, prompt, settings, seed and dialogues already wrote
    is kept below `store` and not generated again.
    """
    if policy.inapplicable:
        raise InputError(f"there is no model to generate with: {policy.inapplicable}")
    responses, provenance = _resumable(policy, dialogues, None, settings, seed, store)
    write_jsonl(out, (response.to_dict() for response in responses))
    return Generated({"dialogues": len(dialogues), **count(responses)}, provenance)


def answer_slots(
    model: Path, slots: Sequence[tuple[Dialogue, int]], settings: Generate, seed: int, store: Path
) -> list[str]:
    """What the model of a folder says at supporter turn `turn` of each (dialogue, turn), in order."""
    turns: dict[str, set[int]] = {}
    dialogues: dict[str, Dialogue] = {}
    for dialogue, turn in slots:
        turns.setdefault(dialogue.id, set()).add(turn)
        dialogues[dialogue.id] = dialogue
    policy = Policy(str(model), None, "eva", None)
    responses, _ = _resumable(policy, list(dialogues.values()), turns, settings, seed, store)
    texts = {response.key: response.response for response in responses}
    return [texts[dialogue.id, turn] for dialogue, turn in slots]


def origin(
    policy: Policy,
    tokenizer: "PreTrainedTokenizerBase",
    dialogues: Sequence[Dialogue],
    settings: Generate,
    seed: int,
) -> dict[str, Any]:
    """All that a local model's responses follow from."""
    from eva.models.template import prompt_sha

    return {
        "model": digest_path(Path(policy.model)),
        "adapter": digest_path(Path(policy.adapter)) if policy.adapter else None,
        "prompt": policy.prompt,
        "prompt_sha": prompt_sha(tokenizer, policy.prompt),
        "precision": decide(settings.precision, "generate.precision").name,
        "generate": settings.model_dump(mode="json"),
        "seed": seed,
        "dialogues": fingerprint([dialogue.to_dict() for dialogue in dialogues]),
    }


def _resumable(
    policy: Policy,
    dialogues: Sequence[Dialogue],
    turns: Mapping[str, Collection[int]] | None,
    settings: Generate,
    seed: int,
    store: Path,
) -> tuple[list[Response], dict[str, Any]]:
    from tqdm import tqdm

    from eva.generation.decode import generate
    from eva.models.loading import load_policy, load_tokenizer

    model_dir, adapter = Path(policy.model), Path(policy.adapter) if policy.adapter else None
    tokenizer = load_tokenizer(model_dir)
    provenance = origin(policy, tokenizer, dialogues, settings, seed)
    partial = Partial(store / f"generate-{fingerprint(provenance)}.jsonl")
    model = load_policy(model_dir, adapter, decide(settings.precision, "generate.precision").dtype)
    with tqdm(total=len(dialogues), desc="generate", unit="dialogue", mininterval=2) as bar:
        responses = generate(
            model,
            tokenizer,
            dialogues,
            settings,
            policy.prompt,
            seed,
            lambda *_: bar.update(),
            turns=turns,
            partial=partial,
        )
    return responses, provenance
