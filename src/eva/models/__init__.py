"""Backbones as Hugging Face model folders: fetching, checking and loading them, and their chat templates."""
