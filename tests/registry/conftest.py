"""The registry is tested in the checkouts that the record is tested in."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.record.conftest import bare, checkout, empty_database

__all__ = ["bare", "checkout", "empty_database"]

# Where MLflow keeps the folders of files, which are in the checkout.
_FOLDERS = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip


def copied(root: Path, folder: Path) -> Path:
    """A copy of a checkout and its registry, whose files are those of the copy."""
    shutil.copytree(root, folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        for table, column in _FOLDERS:
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(moved, (str(root), str(folder)))
    return folder
