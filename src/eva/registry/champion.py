"""The checks that need a registry or this checkout: the champion in use, and the lineage of the model."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from eva.counts import count
from eva.errors import InputError
from eva.record import Record
from eva.record import mlflow_store as store
from eva.registry.gate_decision import Check, Decision
from eva.registry.lineage import uncommitted
from eva.registry.package import Package, read_decision, read_package
from eva.registry.promotion import CHAMPION, PromotionPolicy
from eva.registry.rivals import rival_checks
from eva.registry.standing import Standing
from eva.registry.versions import with_alias

PLACE = "package"  # among the artifacts of the run that uploaded a version
LINEAGE = "lineage.json"  # in it, which the push adds


def lineage_check(policy: PromotionPolicy, made_by: Mapping[str, Record]) -> Check:
    """Whether every run behind the model had its code and settings in a commit, if the policy wants that."""
    loose = uncommitted(made_by)
    if loose and policy.lineage == "committed":
        said = f"{', '.join(loose)} ran with changes that no commit has; commit them, and `dvc repro -f -s`"
        return Check("lineage", False, said)
    return Check("lineage", True, f"every run is known, from {count(_commits(made_by), 'commit')}")


def champion_checks(opened: store.Store, package: Package, ours: Standing) -> Iterator[Check]:
    """The comparison with the champion in use; nothing if there is none, or if the model is the champion."""
    champion = with_alias(opened, package.name, CHAMPION)
    if champion is None:
        return
    with stored_package(opened, champion) as folder:
        theirs = read_package(folder)
        if theirs.identity == package.identity:
            return
        where = f"models:/{package.name}/{champion.version}"
        yield from rival_checks(package.promotion, ours, replace(theirs.standing(folder), name=where))


def rechecked(opened: store.Store, version: Any) -> Decision:
    """The decision stored with a version, compared anew with the champion, which may be another now."""
    with stored_package(opened, version) as folder:
        package, decision = read_package(folder), read_decision(folder)
        ours = replace(package.standing(folder), name=f"models:/{version.name}/{version.version}")
        kept = tuple(check for check in decision.checks if f" models:/{version.name}/" not in check.name)
        return Decision(kept).joined(champion_checks(opened, package, ours))


@contextmanager
def stored_package(opened: store.Store, version: Any) -> Iterator[Path]:
    """The package of a version, as it was pushed, in a private folder; `InputError` if it has none."""
    where = f"models:/{version.name}/{version.version}"
    known = opened.exists(version.run_id)
    if not known or PLACE not in {one.path for one in opened.client.list_artifacts(version.run_id)}:
        raise InputError(f"{where}: has no package; `eva registry push` puts a model there with one")
    with tempfile.TemporaryDirectory() as work:
        yield Path(opened.client.download_artifacts(version.run_id, PLACE, work))


def _commits(made_by: Mapping[str, Record]) -> int:
    return len({record.commit for record in made_by.values()})
