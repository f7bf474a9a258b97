"""Responses to gold histories, batched and seeded."""
