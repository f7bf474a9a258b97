"""Conversations on disk, where the setting `serve.store` asks for them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from eva.serving.answering import Answered
from eva.serving.chat_request import ChatRequest


class Conversations:
    """Appends one JSON line for each answer to a file of its day, which only this user can read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder

    def keep(self, given: ChatRequest, said: Answered) -> None:
        now = datetime.now(UTC)
        messages = [{"role": one.role, "content": one.content} for one in given.messages]
        row = {"time": now.isoformat(timespec="seconds"), "model": given.model, "messages": messages,
               "reply": said.text, "source": said.source}  # fmt: skip
        path = self._folder / f"{now:%Y-%m-%d}.jsonl"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(f"{json.dumps(row, ensure_ascii=False)}\n")
