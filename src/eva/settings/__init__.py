"""The settings in `params.yaml` as frozen pydantic models, one module for each section.

Every setting of EVA is here.
"""
