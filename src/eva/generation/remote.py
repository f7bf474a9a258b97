"""A whole generation by a served model, with the same prompts, histories and file format as a local one."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

# Finish reason of a server -> `Response.finish`; any other reason is `stop`.
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

    Responses are kept in the folder `kept`, so that an interrupted run continues and no request is sent
    twice. Of the settings, the endpoint gets temperature, top-p and the number of new tokens.

    Raises:
        InputError: the endpoint refuses or cannot be reached, or all responses are empty.
    """
    asks = [Ask(turn, prompt, seed) for turn in supporter_turns(dialogues)]
    responses, answers = answer_asks(served, asks, settings, Answers(kept))
    outcome = {"filtered": sum(one.finish == "filtered" for one in responses), **count(responses, prompt)}
    _refuse_silence(served, responses, outcome)
    report_odd(outcome)
    usage = bill(answers, served.limits)
    log.info("%s: %s %s", served.model, outcome, usage)
    if usage["input_tokens"] is None:
        log.warning("%s did not give the tokens of some responses, so their sum is unknown", served.model)
    write_jsonl(out, (response.to_dict() for response in responses))
    provenance = {
        **_origin(served, prompt, answers),
        "request": _sampling(served, prompt, settings),
        "seed": seed,
        "dialogues": fingerprint([dialogue.to_dict() for dialogue in dialogues]),
        "usage": usage,
    }
    counts = {"dialogues": len(dialogues), **outcome}
    return Generated({**counts, **{k: v for k, v in usage.items() if v is not None}}, provenance)


@dataclass(frozen=True, slots=True)
class Ask:
    """A supporter turn to be responded to under the system prompt `prompt`, with a seed of sampling."""

    turn: SupporterTurn
    prompt: str
    seed: int


def answer_asks(
    served: Served, asks: Sequence[Ask], settings: Generate, answers: Answers
) -> tuple[list[Response], list[Answer]]:
    """The response to each of `asks`, in order, and the answers of the endpoint that they were taken from.

    Answers are kept in `answers`, and no request whose answer is there is sent; `InputError` as `ask`.
    """
    from eva.generation.endpoint_client import ask

    requests = [
        Request(served.url, _body(one.turn, one.prompt, _sampling(served, one.prompt, settings), one.seed))
        for one in asks
    ]
    with tqdm(total=len(requests), desc="generate", unit="response", mininterval=2) as bar:
        given = ask(served, requests, answers, bar.update)
    responses = [
        response_at(one.turn, _whole(answer), one.prompt, _FINISH.get(answer.finish_reason, "stop"))
        for one, answer in zip(asks, given, strict=True)
    ]
    return responses, given


def _whole(answer: Answer) -> str:
    """The whole generated text; a thought that the server returned separately is put first, with marks."""
    return f"<think>{answer.reasoning}</think>{answer.text}" if answer.reasoning else answer.text


def _refuse_silence(served: Served, responses: Sequence[Response], outcome: Mapping[str, float]) -> None:
    if responses and not any(one.response for one in responses):
        how = ", ".join(f"{outcome[name]:g} {name}" for name in ("filtered", "truncated", "empty"))
        raise InputError(
            f"{served.model} at {served.url}: all {len(responses)} responses are empty ({how}). They are "
            "kept, so the same command gives the same result: raise `max_new_tokens` if they were truncated, "
            "or use another model"
        )


def _sampling(served: Served, prompt: str, settings: Generate) -> dict[str, Any]:
    """The fields of all requests, including those that the setting `request` adds, changes or removes."""
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
        "seed": response_seed(seed, turn) % 2**31,  # some servers allow only 32 bits
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
