"""A whole generation by a local model: load it, respond to the dialogues, write one file; resumable."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import digest_path, fingerprint, write_jsonl
from eva.code_digest import code_digest
from eva.data.dialogue import Dialogue, SupporterTurn, supporter_turns
from eva.data.responses import Response
from eva.devices import decide
from eva.errors import InputError
from eva.generation.half_finished import resumable
from eva.generation.response import count, new_tokens, report_odd
from eva.models.loading import Policy
from eva.models.positions import require_positions
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generated:
    """Counts of the generation (`words`: mean length of a response), and what determined the responses."""

    counts: dict[str, float]
    provenance: dict[str, Any]


def generate_file(
    policy: Policy, dialogues: Sequence[Dialogue], settings: Generate, seed: int, out: Path, store: Path
) -> Generated:
    """Write one response per supporter turn of `dialogues` to `out` (JSON lines).

    Responses of an interrupted run with the same model, prompt, settings, seed and dialogues are kept in
    the folder `store` and not generated again.

    Raises:
        InputError: the variant does not exist for this backbone, or the model cannot be loaded.
    """
    if policy.inapplicable:
        raise InputError(f"there is no model to generate with: {policy.inapplicable}")
    responses, provenance = _resumable(policy, supporter_turns(dialogues), settings, seed, store)
    write_jsonl(out, (response.to_dict() for response in responses))
    counts = count(responses, policy.prompt)
    report_odd(counts)
    return Generated({"dialogues": len(dialogues), **counts}, provenance)


def answer_turns(
    policy: Policy, turns: Sequence[SupporterTurn], settings: Generate, seed: int, store: Path
) -> list[Response]:
    """The response of a local model to each of the turns, in order; resumable as `generate_file` is."""
    responses, _ = _resumable(policy, turns, settings, seed, store)
    return responses


def require_room(model: Path, settings: Generate, prompt: str) -> None:
    """Raise `InputError` if history and response together can be longer than the model's positions."""
    wanted = settings.max_length + new_tokens(settings, prompt)
    require_positions(model, wanted, "generate.max_length with the new tokens")


def origin(
    policy: Policy,
    tokenizer: "PreTrainedTokenizerBase",
    dialogues: Sequence[Dialogue],
    settings: Generate,
    seed: int,
) -> dict[str, Any]:
    """Everything except code and libraries that determines the responses of a local model."""
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
    policy: Policy, turns: Sequence[SupporterTurn], settings: Generate, seed: int, store: Path
) -> tuple[list[Response], dict[str, Any]]:
    from tqdm import tqdm

    from eva.generation.decode import generate
    from eva.models.loading import load_policy, load_tokenizer

    model_dir, adapter = Path(policy.model), Path(policy.adapter) if policy.adapter else None
    require_room(model_dir, settings, policy.prompt)
    tokenizer = load_tokenizer(model_dir)
    dialogues = list({turn.dialogue.id: turn.dialogue for turn in turns}.values())
    provenance = origin(policy, tokenizer, dialogues, settings, seed)
    model = load_policy(model_dir, adapter, decide(settings.precision, "generate.precision").dtype)
    with (
        resumable(store, {**provenance, **computation()}) as partial,
        tqdm(total=len(dialogues), desc="generate", unit="dialogue", mininterval=2) as bar,
    ):
        responses = generate(
            model,
            tokenizer,
            turns,
            settings,
            policy.prompt,
            seed,
            lambda *_: bar.update(),
            partial=partial,
        )
    return responses, provenance


def computation() -> dict[str, Any]:
    """The code and the libraries that determine the responses, for the key under which they are stored."""
    return {
        "code": code_digest("eva.generation.decode", "eva.models.loading"),
        "libraries": {name: version(name) for name in ("torch", "transformers", "peft")},
    }
