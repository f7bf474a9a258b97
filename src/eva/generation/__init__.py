"""Generation of responses, given the human dialogue history, by local models, vLLM or endpoints."""
