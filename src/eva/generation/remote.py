"""A whole generation by a served model: the same prompts, histories and file as a local one's."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eva.artifacts import fingerprint, write_jsonl
from eva.data.dialogue import Dialogue, SupporterTurn, supporter_turns
from eva.data.responses import Response
from eva.data.thoughts import part_thoughts
from eva.errors import InputError
from eva.generation.answers import Answer, Answers, Request, bill
from eva.generation.local import Generated
from eva.generation.response import count, report_odd, response_at, response_seed
from eva.models.endpoint import Served
from eva.models.prompts import conversation, prompt_digest
from eva.settings.generate_section import Generate

log = logging.getLogger(__name__)


def generate_remote(
    served: Served,
    prompt: str,
    dialogues: Sequence[Dialogue],
    settings: Generate,
    seed: int,
    out: Path,
    kept: Path,
) -> Generated:
    """Write one response per supporter turn of `dialogues` to `out`, see `eva.generation.local`.

    Answers are kept in the folder `kept`: an interrupted run goes on, and nothing is asked twice. Of the
    settings an endpoint gets temperature, top-p and the number of new tokens.
    """
    from eva.generation.endpoint_client import ask

    sampling = _sampling(served, prompt, settings)
    asked = supporter_turns(dialogues)
    requests = [Request(served.url, _body(turn, prompt, sampling, seed)) for turn in asked]
    with tqdm(total=len(requests), desc="generate", unit="response", mininterval=2) as bar:
        answers = ask(served, requests, Answers(kept), bar.update)
    responses = [response_at(turn, _whole(one), prompt) for turn, one in zip(asked, answers, strict=True)]
    outcome = _outcomes(answers, responses)
    _refuse_silence(served, responses, outcome)
    report_odd(responses, prompt)
    usage = bill(answers, served.limits)
    log.info("%s: %s %s", served.model, outcome, usage)
    if usage["input_tokens"] is None:
        log.warning("%s leaves out how many tokens some answers took: their sum is unknown", served.model)
    write_jsonl(out, (response.to_dict() for response in responses))
    provenance = {
        **_origin(served, prompt, answers),
        "request": sampling,
        "seed": seed,
        "dialogues": fingerprint([dialogue.to_dict() for dialogue in dialogues]),
        "usage": usage,
    }
    counts = {"dialogues": len(dialogues), **count(responses), **outcome}
    return Generated({**counts, **{k: v for k, v in usage.items() if v is not None}}, provenance)


def _whole(answer: Answer) -> str:
    """Everything that was generated, with a thought that came apart before the rest, marked as one."""
    return f"<think>{answer.reasoning}</think>{answer.text}" if answer.reasoning else answer.text


def _outcomes(answers: Sequence[Answer], responses: Sequence[Response]) -> dict[str, int]:
    """How many answers were withheld, cut off, or empty for no reason given; each counts once."""
    filtered = [one.finish_reason == "content_filter" for one in answers]
    truncated = [_cut(one) and not withheld for one, withheld in zip(answers, filtered, strict=True)]
    told = [a or b for a, b in zip(filtered, truncated, strict=True)]
    empty = sum(not one.response and not known for one, known in zip(responses, told, strict=True))
    return {"filtered": sum(filtered), "truncated": sum(truncated), "empty": empty}


def _cut(answer: Answer) -> bool:
    return answer.finish_reason == "length" or part_thoughts(answer.text).unfinished


def _refuse_silence(served: Served, responses: Sequence[Response], outcome: Mapping[str, int]) -> None:
    if responses and not any(one.response for one in responses):
        how = ", ".join(f"{number} {name}" for name, number in outcome.items())
        raise InputError(
            f"{served.model} at {served.url}: none of {len(responses)} answers says anything ({how}); they "
            "are kept, so asking the same again changes nothing: raise `max_new_tokens` if they were cut, "
            "or ask another model"
        )


def _sampling(served: Served, prompt: str, settings: Generate) -> dict[str, Any]:
    """The fields that all requests share, with what `request` changes or, by null, leaves out."""
    return {
        "model": served.model,
        "max_tokens": settings.cot_max_new_tokens if prompt == "cot" else settings.max_new_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        **served.limits.request,
    }


def _body(turn: SupporterTurn, prompt: str, sampling: dict[str, Any], seed: int) -> dict[str, Any]:
    own = {
        "messages": conversation(turn.history, prompt),
        "seed": response_seed(seed, turn) % 2**31,  # some servers hold it in 32 bits
    }
    return {key: value for key, value in {**own, **sampling}.items() if value is not None}


def _origin(served: Served, prompt: str, answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        "backend": "openai",
        "endpoint": served.url,
        "model": served.model,
        "served_as": sorted({answer.model for answer in answers}),
        "prompt": prompt,
        "prompt_sha": prompt_digest(prompt, None),
    }
