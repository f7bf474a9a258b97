"""`eva registry verify`: the audit log, the aliases against it, and the files of every version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.registry import audit_log
from eva.registry.promotion import CHAMPION
from eva.registry.stored_files import FILES_TAG, check_versions
from eva.registry.versions import versions_of, with_alias


@dataclass(frozen=True)
class Verified:
    """How many acts and versions were checked, what is wrong, and what could not be compared."""

    acts: int
    versions: int
    problems: list[str]
    notes: list[str]


def verify(root: Path) -> Verified:
    """Check all of the registry; a damaged log is a problem among others."""
    opened = store.connect(root)
    files = check_versions(root)
    try:
        rows = audit_log.current(opened, root)
    except InputError as error:
        return Verified(0, files.versions, [*error.problems, *files.problems], files.notes)
    problems = [*_unlogged(opened, rows), *files.problems]
    return Verified(len(rows), files.versions, problems, files.notes)


def _unlogged(opened: store.Store, rows: Sequence[audit_log.Row]) -> Iterator[str]:
    """Champions that are not the log's, and versions whose list of files is not the logged one."""
    for name in dict.fromkeys(row["model"] for row in rows):
        former = audit_log.champions(rows, name)
        champion = with_alias(opened, name, CHAMPION)
        here, logged = champion and str(champion.version), former[-1] if former else None
        if here != logged:
            yield (
                f"{name}: the champion is version {here}, but the log's last one is {logged}: the alias was "
                "moved without `eva registry approve` or `rollback`"
            )
        lists = {row["version"]: row["files"] for row in rows if row["model"] == name}
        for version in versions_of(opened, name):
            given = version.tags.get(FILES_TAG)
            if lists.get(str(version.version), given) != given:
                yield f"models:/{name}/{version.version}: its list of files is not the one that was logged"
