"""Making a challenger the champion, and going back: acts of a named person, logged with who and why."""

from pathlib import Path
from typing import Any

from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.registry import audit_log
from eva.registry.champion import rechecked
from eva.registry.promotion import CHALLENGER, CHAMPION
from eva.registry.registration import REMEDY
from eva.registry.stored_files import checked_folder
from eva.registry.versions import find_version, with_alias


def approve(uri: str, by: str, why: str, root: Path) -> str:
    """Make a version the champion; returns its `models:/NAME/VERSION`. Repeating it changes nothing.

    The gate must have passed it, and it is compared with the champion of this moment once more: of two
    challengers that are approved at the same time, the second must be better than the first.

    Raises:
        InputError: the gate refuses it, or its files are not those that were registered.
    """
    _require_named(by, why)
    with audit_log.registry_lock(root):
        opened = store.connect(root)
        version = find_version(opened, uri, REMEDY)
        where = f"models:/{version.name}/{version.version}"
        before = with_alias(opened, version.name, CHAMPION)
        if before is not None and before.version == version.version:
            return where
        decision = rechecked(opened, version)
        if not decision.passed:
            said = "".join(f"\n  - {reason}" for reason in decision.reasons)
            raise InputError(f"{where} cannot become champion; the gate refuses it:{said}")
        _put(opened, root, "approve", version, before, by=by, why=why)
        return where


def promote(opened: store.Store, root: Path, version: Any, why: str) -> None:
    """Make a version the champion because the policy says so; the registry's lock must be held."""
    before = with_alias(opened, version.name, CHAMPION)
    if before is None or before.version != version.version:
        _put(opened, root, "promote", version, before, by="policy", why=why)


def rollback(name: str, by: str, why: str, root: Path) -> str:
    """Make the champion before the present one champion again, the same bytes; returns its address.

    Raises:
        InputError: there was none before, or its files are not those that were registered.
    """
    _require_named(by, why)
    with audit_log.registry_lock(root):
        opened = store.connect(root)
        now = with_alias(opened, name, CHAMPION)
        logged = audit_log.champions(audit_log.current(opened, root), name)
        former = audit_log.before(str(now.version), logged) if now else []
        if not former:
            raise InputError(f"{name}: had no champion before {_shown(now)}: there is nothing to go back to")
        version = find_version(opened, f"models:/{name}/{former[-1]}", REMEDY)
        _put(opened, root, "rollback", version, now, by=by, why=why)
        return f"models:/{name}/{version.version}"


def _put(
    opened: store.Store, root: Path, act: str, version: Any, before: Any | None, *, by: str, why: str
) -> None:
    """Check the bytes, log the act, then move the alias: an alias that nobody logged is seen by `verify`."""
    with checked_folder(opened, version):
        pass
    audit_log.append(
        opened, root, act, version.name, str(version.version),
        by=by, why=why, before=str(before.version) if before else None, files=version.tags["eva.files"],
    )  # fmt: skip
    opened.client.set_registered_model_alias(version.name, CHAMPION, version.version)
    challenger = with_alias(opened, version.name, CHALLENGER)
    if challenger is not None and challenger.version == version.version:
        opened.client.delete_registered_model_alias(version.name, CHALLENGER)


def _require_named(by: str, why: str) -> None:
    missing = [option for option, text in (("--by", by), ("--why", why)) if not text.strip()]
    if missing:
        raise InputError(f"{' and '.join(missing)} must say something: who decides this, and why")


def _shown(version: Any | None) -> str:
    return "now" if version is None else f"version {version.version}"
