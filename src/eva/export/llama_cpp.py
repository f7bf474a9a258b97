"""A GGUF file as llama.cpp computes it: in this process, through the library `xllamacpp`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from eva.errors import InputError
from eva.export.positions import Position

_LISTED = 1000  # likeliest tokens that llama.cpp lists at each position; the others count as one
_CHOSEN = 1e6  # added to a logit
_SECONDS = 600


class LlamaCpp:
    """A loaded GGUF file; `context` is the largest number of tokens of a prompt and its reply."""

    def __init__(self, file: Path, context: int) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx, params.n_parallel, params.n_gpu_layers = context, 1, 0
        params.verbosity, params.warmup, params.use_jinja = -1, False, True
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise InputError(f"{file.name}: llama.cpp cannot load it ({error})") from None
        self.name = f"llama.cpp of xllamacpp {xllamacpp.__version__}"
        # A token that is no whole character is not listed, so this one is always chosen.
        self._plain = self._tokens("a")[0]

    def positions(self, prompt: Sequence[int], reply: Sequence[int]) -> Iterator[Position]:
        """What llama.cpp expects at each token of `reply`, given the prompt and the tokens before it."""
        for number in range(len(reply)):
            yield self._next([*prompt, *reply[:number]])

    def tokens(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The tokens of a conversation, by the chat template and the tokenizer in the file."""
        text = self._ask("apply-template", {"messages": [dict(one) for one in messages]})["prompt"]
        return self._tokens(text)

    def _tokens(self, text: str) -> list[int]:
        found = self._ask("tokenize", {"content": text, "parse_special": True, "add_special": False})
        return [int(one) for one in found["tokens"]]

    def _next(self, ids: list[int]) -> Position:
        import numpy as np

        settings = {"n_predict": 1, "temperature": 0.0, "n_probs": _LISTED, "cache_prompt": True}
        chosen = {"logit_bias": [[self._plain, _CHOSEN]]}  # changes the choice, not what is listed
        said = self._ask("completion", {"prompt": ids, **settings, **chosen})
        listed = said["completion_probabilities"][0]["top_logprobs"]
        return Position(np.array([one["id"] for one in listed]), np.array([one["logprob"] for one in listed]))

    def _ask(self, what: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the server that llama.cpp opens on 127.0.0.1, on a free port, as long as this object lives."""
        request = Request(  # noqa: S310 - an address that llama.cpp itself has given
            f"{self._server.listening_address}/{what}",
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        with build_opener(ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
        return found
