"""The registered model as MLflow loads it: a chat whose replies are made as generation makes responses.

MLflow imports this module from the copy of EVA that is registered with the weights, so a served model
renders, samples and parts thoughts as the model was evaluated, behind the guard that was registered with
it. What the client writes stays text: no content of a message becomes a control token.
"""

import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eva.data.utterances import collapse
from eva.errors import InputError
from eva.generation.reply import Reply, Replying
from eva.models.loading import load_policy, load_tokenizer
from eva.registry.served_guard import FOLDER, Guarded, open_guard
from eva.settings.generate_section import Generate

_ROLES = ("user", "assistant")
_SET_BY_CLIENT = ("temperature", "top_p")
_ONLY_SO = {"n": 1, "stream": False}  # other values are refused, not ignored
_UNKNOWN = ("stop", "top_k", "frequency_penalty", "presence_penalty", "tools")


class ChatModel:
    """Answers chats, beside each other from several threads, with the evaluation's `settings` and `prompt`.

    `guard` reads what `predict` is given. Without one, the caller has its own (`eva chat`, `eva serve`).
    With `base`, a full model, `folder` holds only an adapter.
    """

    def __init__(
        self, folder: Path, name: str, settings: Generate, prompt: str, guard: Guarded | None = None,
        base: Path | None = None,
    ) -> None:  # fmt: skip
        # float32: the adapter is merged, and bfloat16 would round most of what it changed away.
        policy = load_policy(base or folder, folder if base else None, "float32")
        self._replying = Replying(policy, load_tokenizer(folder))
        self._name, self._settings, self._prompt, self._guard = name, settings, prompt, guard

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """A chat completion for each request: rows of a table, or one mapping, with `messages`."""
        from mlflow.exceptions import MlflowException

        requests = [model_input] if isinstance(model_input, Mapping) else _rows(model_input)
        try:
            return [self._complete({**_given(row), **(params or {})}) for row in requests]
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None

    def say(
        self,
        turns: Sequence[Mapping[str, str]],
        sampling: Mapping[str, Any],
        seed: int | None = None,
        hear: Callable[[str], None] | None = None,
    ) -> Reply:
        """The reply to `turns` (see `alternating`); `hear` as in `eva.generation.reply.Replying`.

        Raises:
            InputError: the model cannot decode as `sampling` says.
        """
        settings, drawn = self._wanted(sampling), secrets.randbits(56) if seed is None else seed
        return self._replying.reply(turns, settings, self._prompt, drawn, hear)

    def _complete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        turns = alternating(request.get("messages") or [])
        said = self._guarded(self._guard, turns, request) if self._guard else self.say(turns, request)
        return _completion(said, self._name)

    def _guarded(
        self, guard: Guarded, turns: Sequence[Mapping[str, str]], sampling: Mapping[str, Any]
    ) -> Reply:
        """The reply of `say`, or what the guard says in its place."""
        self._wanted(sampling)  # refuses a faulty request whatever it speaks of
        made: list[Reply] = []

        def ask(messages: Sequence[Mapping[str, str]]) -> str:
            made.append(self.say(messages, sampling))
            return made[0].text

        found = guard(turns, ask)
        if found.source == "model":
            return made[0]
        return Reply(found.text, "", "content_filter", *((made[0].read, made[0].written) if made else (0, 0)))

    def _wanted(self, request: Mapping[str, Any]) -> Generate:
        """The settings of evaluation, with what the client may choose."""
        refused = [name for name in _UNKNOWN if request.get(name)]
        refused += [name for name, only in _ONLY_SO.items() if request.get(name, only) != only]
        if refused:
            raise InputError(f"this model does not know {', '.join(refused)} as given; leave it out")
        changes = {name: float(request[name]) for name in _SET_BY_CLIENT if name in request}
        room = "cot_max_new_tokens" if self._prompt == "cot" else "max_new_tokens"
        if "max_tokens" in request:
            changes[room] = min(int(request["max_tokens"]), getattr(self._settings, room))
        try:
            return Generate.model_validate({**self._settings.model_dump(), **changes})
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise InputError(f"the request cannot be decoded so: {'; '.join(faults)}") from None


def alternating(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Turns as training saw them: what one speaker says in a row is one turn, in single spaces (ADR 8).

    Raises `InputError` for another role (the system text is the model's own), and where the user does
    not have the last word.
    """
    turns: list[dict[str, str]] = []
    for number, message in enumerate(messages, start=1):
        role, content = message.get("role"), collapse(str(message.get("content") or ""))
        if role not in _ROLES:
            raise InputError(
                f"message {number} has the role {role!r}; this model knows user and assistant, and brings "
                "its own system text"
            )
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] = f"{turns[-1]['content']} {content}".strip()
        elif content or role == "user":  # a reply of no words is no turn
            turns.append({"role": str(role), "content": content})
    if not turns or turns[0]["role"] != "user" or turns[-1]["role"] != "user" or not turns[-1]["content"]:
        raise InputError("a chat starts and ends with a user message that is not empty")
    return turns


def _rows(table: Any) -> list[Mapping[str, Any]]:
    """Of a pandas table, which MLflow makes of a request."""
    return list(table.to_dict(orient="records"))


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says: MLflow's table has an empty cell for every field that it does not."""
    return {name: value for name, value in row.items() if value is not None and value == value}


def _completion(said: Reply, model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text}
    if said.thought:
        message["reasoning_content"] = said.thought
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        "usage": {
            "prompt_tokens": said.read,
            "completion_tokens": said.written,
            "total_tokens": said.read + said.written,
        },
    }


def open_model(
    folder: Path, config: Mapping[str, Any], root: Path, guard: Guarded | None = None
) -> ChatModel:
    """The model in `folder`, answering as `config` says; the base of an adapter is looked up in `root`.

    Raises:
        InputError: it is an adapter whose base is missing or another, see `base_folder`.
    """
    settings = Generate.model_validate(config["generate"])
    base = None
    if "base" in config:
        from eva.registry.adapter_folder import base_folder  # reaches more than a merged model needs

        base = base_folder(config["base"], root)
    return ChatModel(folder, str(config["name"]), settings, str(config["prompt"]), guard, base)


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any]) -> ChatModel:
    """Called by MLflow, by this name: the model behind the guard that was registered with it."""
    folder = Path(data_path)
    guard = open_guard(folder.with_name(FOLDER), model_config["guard"])
    return open_model(folder, model_config, Path.cwd(), guard)
