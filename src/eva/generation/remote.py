"""A whole generation by a served model: the same prompts, histories and file as a local one's."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eva.artifacts import fingerprint, write_jsonl
from eva.data.dialogue import Dialogue, SupporterTurn, supporter_turns
from eva.data.responses import Response
from eva.errors import InputError
from eva.generation.answers import Answer, Answers, Request, bill
from eva.generation.local import Generated
from eva.generation.response import count, new_tokens, report_odd, response_at, response_seed
from eva.models.endpoint import Served
from eva.models.prompts import conversation, prompt_digest
from eva.settings.generate_section import Generate

# A server's word for how an answer ended -> ours, see `Response`; any other is an end.
_FINISH = {"length": "length", "content_filter": "filtered"}

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
    responses = [
        response_at(turn, _whole(one), prompt, _FINISH.get(one.finish_reason, "stop"))
        for turn, one in zip(asked, answers, strict=True)
    ]
    outcome = {"filtered": sum(one.finish == "filtered" for one in responses), **count(responses, prompt)}
    _refuse_silence(served, responses, outcome)
    report_odd(outcome)
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
    counts = {"dialogues": len(dialogues), **outcome}
    return Generated({**counts, **{k: v for k, v in usage.items() if v is not None}}, provenance)


def _whole(answer: Answer) -> str:
    """Everything that was generated, with a thought that came apart before the rest, marked as one."""
    return f"<think>{answer.reasoning}</think>{answer.text}" if answer.reasoning else answer.text


def _refuse_silence(served: Served, responses: Sequence[Response], outcome: Mapping[str, float]) -> None:
    if responses and not any(one.response for one in responses):
        how = ", ".join(f"{outcome[name]:g} {name}" for name in ("filtered", "truncated", "empty"))
        raise InputError(
            f"{served.model} at {served.url}: none of {len(responses)} answers says anything ({how}); they "
            "are kept, so asking the same again changes nothing: raise `max_new_tokens` if they were cut, "
            "or ask another model"
        )


def _sampling(served: Served, prompt: str, settings: Generate) -> dict[str, Any]:
    """The fields that all requests share, with what `request` changes or, by null, leaves out."""
    return {
        "model": served.model,
        "max_tokens": new_tokens(settings, prompt),
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
