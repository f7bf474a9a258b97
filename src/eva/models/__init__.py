"""Backbones and chat templates as ordinary Hugging Face folders."""
