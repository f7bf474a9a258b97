"""How many tokens a model can read at once, from its configuration alone."""

from pathlib import Path

from eva.artifacts import read_json
from eva.errors import InputError

# Their positions count from behind the padding token.
_OFFSET = ("roberta", "camembert", "mpnet", "longformer", "data2vec-text", "ibert", "luke", "xmod")


def usable_positions(folder: Path) -> int | None:
    """How many tokens the model of a folder can read at once; None where nothing limits it."""
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
    """Refuse to read more tokens at once than the model of `folder` has positions; `knob` asks for them."""
    known = usable_positions(folder)
    if known is not None and wanted > known:
        raise InputError(
            f"{knob} asks for {wanted} tokens and {folder} reads at most {known} at once "
            f"(its config.json); set {knob} to {known} or less, or choose another model"
        )
