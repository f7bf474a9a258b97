"""Finding the `config.json` of a backbone before the stage `backbone` has run."""

from pathlib import Path

from eva.artifacts import read_json
from eva.errors import InputError
from eva.models.packages import package_folder
from eva.settings.backbones_section import Backbone


def configuration_folder(name: str, row: Backbone, made: Path) -> Path | None:
    """A folder with the model's own `config.json`; None if it has to be downloaded or converted first.

    A folder written by the stage `backbone` is used if it has the same source, id and revision.
    """
    places = [_source_folder(row), made / name if _is_of(made / name, row) else None]
    return next((place for place in places if place and (place / "config.json").is_file()), None)


def _source_folder(row: Backbone) -> Path | None:
    if row.source == "local":
        return Path(row.id)
    if row.source == "package":
        try:
            return package_folder(row)
        except InputError:  # another check reports it
            return None
    return _fetched(row) if row.source == "hub" else None


def _fetched(row: Backbone) -> Path | None:
    """The folder of the pinned commit in the hub's cache, if it is there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(row.id, "config.json", revision=row.revision)
    return Path(found).parent if isinstance(found, str) else None


def _is_of(folder: Path, row: Backbone) -> bool:
    record = folder / "backbone.json"
    if not record.is_file():
        return False
    made = read_json(record)
    return all(made.get(key) == getattr(row, key) for key in ("source", "id", "revision"))
