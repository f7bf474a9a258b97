"""A registered model over HTTP: OpenAI's chat completions with EVA's guard in front, and a chat page."""
