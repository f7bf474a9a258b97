"""Prefect flows that run DVC's stages in the order of `dvc.yaml`, and the local services that they need."""
