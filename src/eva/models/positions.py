"""The longest input of a model in tokens, from its configuration."""

from pathlib import Path

from eva.artifacts import read_json
from eva.errors import InputError

# Architectures whose first position is `pad_token_id + 1`.
_OFFSET = ("roberta", "camembert", "mpnet", "longformer", "data2vec-text", "ibert", "luke", "xmod")


def usable_positions(folder: Path) -> int | None:
    """The longest input, in tokens, of the model in `folder`; None if it has no limit."""
    config = read_json(folder / "config.json")
    config = config.get("text_config", config)
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if not isinstance(positions, int) or config.get("position_biased_input") is False:
        return None
    if any(family in config.get("model_type", "") for family in _OFFSET):
        padding = config.get("pad_token_id")
        return positions - (1 if padding is None else int(padding)) - 1
    return positions


def require_positions(folder: Path, wanted: int, knob: str) -> None:
    """Raise `InputError` if `wanted` tokens are more than the model in `folder` can read.

    `knob` is the name of the setting that gives `wanted`.
    """
    known = usable_positions(folder)
    if known is not None and wanted > known:
        raise InputError(
            f"{knob} is {wanted} tokens, but {folder} can read at most {known} (its config.json); "
            f"set {knob} to {known} or less, or choose another model"
        )
