"""Challenger, champion and back: by a named person, one at a time, to the same bytes, and logged."""

import json
import multiprocessing
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
from tests.cli.conftest import Eva, eva, here
from tests.record.conftest import empty_database, make_bare
from tests.registry.conftest import copied
from tests.registry.packages import PASSED, REFUSED, known_lineage, write_package

from eva.artifacts import digest_path
from eva.errors import InputError
from eva.record import mlflow_store as stores
from eva.registry import pushing
from eva.registry.approval import approve, rollback
from eva.registry.audit_log import current
from eva.registry.gate_decision import Check, Decision
from eva.registry.package import Package
from eva.registry.pushing import push
from eva.registry.registration import load
from eva.registry.verification import verify

__all__ = ["empty_database", "eva", "here"]

pytestmark = pytest.mark.slow

ADA = {"by": "Ada", "why": "read 20 dialogues of it"}


def build_nothing(package: Package, card: str, folder: Path, root: Path) -> Path:
    """In place of the merged model, a file that says which it would be: no weights are needed here."""
    folder.mkdir(parents=True)
    (folder / "weights").write_text(package.identity)
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A checkout whose registry has the versions 1 to 3, all of which the gate passed."""
    root = make_bare(tmp_path_factory.mktemp("three") / "checkout")
    (root / "mlflow.db").write_bytes(empty_database.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        quick_pushes(patch)
        for number in (1, 2, 3):
            put(root, f"m{number}", PASSED)
    return root


@pytest.fixture
def pushed(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `three`."""
    # MLflow remembers by a run's id where its files are, and every copy has the ids of `three`.
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", OrderedDict())
    quick_pushes(monkeypatch)
    return copied(three, tmp_path / "checkout")


def quick_pushes(patch: pytest.MonkeyPatch) -> None:
    """Pushes without weights and without the runs behind them."""
    patch.setattr(pushing, "build_model", build_nothing)
    known_lineage(patch)


def put(root: Path, model: str, decision: Decision) -> None:
    (root / model).mkdir(exist_ok=True)
    (root / model / "config.json").write_text(json.dumps(model))
    write_package(root, model, decision=decision)
    push(root / "registry", root)


def champion(root: Path) -> str:
    return str(stores.connect(root).client.get_model_version_by_alias("eva-tiny", "champion").version)


def stored(root: Path, version: str) -> str:
    """Digest of what the registry would serve."""
    uri = stores.connect(root).client.get_model_version_download_uri("eva-tiny", version)
    return digest_path(Path(uri.removeprefix("file://")))


def test_approval_and_rollback_are_logged_and_give_the_same_bytes(pushed: Path) -> None:
    with pytest.raises(InputError, match="had no champion before now"):
        rollback("eva-tiny", root=pushed, **ADA)
    assert approve("models:/eva-tiny/1", root=pushed, **ADA) == "models:/eva-tiny/1"
    first = stored(pushed, champion(pushed))
    approve("models:/eva-tiny@challenger", root=pushed, **ADA)
    assert champion(pushed) == "3" and stored(pushed, "3") != first
    approve("models:/eva-tiny/3", root=pushed, **ADA)
    assert rollback("eva-tiny", "Bo", "worse in talks", pushed) == "models:/eva-tiny/1"
    assert champion(pushed) == "1" and stored(pushed, "1") == first
    acts = [(row["act"], row["version"]) for row in current(stores.connect(pushed), pushed)]
    assert acts == [
        ("push", "1"), ("push", "2"), ("push", "3"), ("approve", "1"), ("approve", "3"), ("rollback", "1"),
    ]  # fmt: skip
    last = current(stores.connect(pushed), pushed)[-1]
    assert (last["by"], last["why"], last["before"]) == ("Bo", "worse in talks", "3")
    assert verify(pushed).problems == []


def test_who_and_why_must_be_said(pushed: Path) -> None:
    with pytest.raises(InputError, match="--by and --why must say something"):
        approve("models:/eva-tiny/1", " ", "", pushed)


def test_a_refused_version_cannot_be_approved(pushed: Path) -> None:
    put(pushed, "m4", REFUSED)
    with pytest.raises(InputError, match=r"models:/eva-tiny/4 cannot become champion(.|\n)*was not measured"):
        approve("models:/eva-tiny/4", root=pushed, **ADA)
    with pytest.raises(InputError, match=r"models:/eva-tiny/9"):
        approve("models:/eva-tiny/9", root=pushed, **ADA)


def test_a_model_that_passes_no_more_loses_its_alias(pushed: Path) -> None:
    client = stores.connect(pushed).client
    assert client.get_model_version_by_alias("eva-tiny", "challenger").version == 3
    put(pushed, "m3", REFUSED)
    assert "challenger" not in client.get_registered_model("eva-tiny").aliases


def test_changed_bytes_are_not_approved_and_not_loaded(pushed: Path) -> None:
    uri = stores.connect(pushed).client.get_model_version_download_uri("eva-tiny", "1")
    (Path(uri.removeprefix("file://")) / "weights").write_text("x" * 16)
    with pytest.raises(InputError, match="weights: weights does not match its sha256"):
        approve("models:/eva-tiny/1", root=pushed, **ADA)
    with pytest.raises(InputError, match="does not match its sha256"):
        load("models:/eva-tiny/1", pushed)


def test_an_alias_that_was_moved_by_hand_is_seen(pushed: Path) -> None:
    approve("models:/eva-tiny/1", root=pushed, **ADA)
    stores.connect(pushed).client.set_registered_model_alias("eva-tiny", "champion", "2")
    (problem,) = verify(pushed).problems
    assert "the champion is version 2, but the log's last one is 1" in problem


def test_the_policy_can_promote(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_pushes(monkeypatch)
    (checkout / "m").mkdir()
    (checkout / "m" / "config.json").write_text("{}")
    write_package(checkout, "m", policy={"baseline": "base", "lineage": "recorded", "champion": "gate"})
    push(checkout / "registry", checkout)
    assert champion(checkout) == "1"
    last = current(stores.connect(checkout), checkout)[-1]
    assert (last["act"], last["by"]) == ("promote", "policy")


def _approve(root: Path, version: str, told: "multiprocessing.Queue[str]") -> None:
    try:
        told.put(approve(f"models:/eva-tiny/{version}", version, "at the same time", root))
    except InputError as error:
        told.put(str(error))


def test_two_approvals_at_once_leave_one_champion_and_an_unbroken_log(pushed: Path) -> None:
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    both = [context.Process(target=_approve, args=(pushed, version, told)) for version in ("1", "2")]
    for one in both:
        one.start()
    said = {told.get(timeout=120) for _ in both}
    for one in both:
        one.join()
    assert said == {"models:/eva-tiny/1", "models:/eva-tiny/2"}
    rows = [row for row in current(stores.connect(pushed), pushed) if row["act"] == "approve"]
    assert [row["before"] for row in rows] == [None, rows[0]["version"]]
    assert champion(pushed) == rows[-1]["version"]
    assert verify(pushed).problems == []


def test_the_loser_of_two_approvals_must_beat_the_winner(
    pushed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison is made with the champion at that moment, not with the one of the push."""
    from eva.registry import champion as champions

    monkeypatch.setattr(
        champions, "rival_checks", lambda policy, ours, theirs: [Check("better", False, f"not {theirs.name}")]
    )
    approve("models:/eva-tiny/1", root=pushed, **ADA)
    with pytest.raises(InputError, match="not models:/eva-tiny/1"):
        approve("models:/eva-tiny/2", root=pushed, **ADA)
    assert champion(pushed) == "1"


@pytest.mark.parametrize(
    "source", ["file:///etc", "../../etc/passwd", "{root}/mlruns/%252e%252e/%252e%252e/etc"]
)
def test_a_source_outside_the_store_is_refused(pushed: Path, source: str) -> None:
    opened = stores.connect(pushed)
    tags = opened.client.get_model_version("eva-tiny", "1")
    above = opened.client.get_experiment(opened.experiment).artifact_location
    forged = opened.client.create_model_version(
        "eva-tiny", source.replace("{root}/mlruns", above), run_id=tags.run_id, tags=tags.tags
    )
    with pytest.raises(InputError, match="where its run stores files"):
        load(f"models:/eva-tiny/{forged.version}", pushed)


def test_a_link_in_a_version_is_refused(pushed: Path, tmp_path: Path) -> None:
    uri = stores.connect(pushed).client.get_model_version_download_uri("eva-tiny", "1")
    weights = Path(uri.removeprefix("file://")) / "weights"
    shutil.move(weights, tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="weights: is a link"):
        load("models:/eva-tiny/1", pushed)


def test_a_pickle_in_the_registry_is_never_opened(pushed: Path, tmp_path: Path) -> None:
    """A version that MLflow's own loader would unpickle, registered with a right list of its files."""
    import pickle

    from eva.registry.uploading import upload, version_tags

    trap, model = tmp_path / "sprung", tmp_path / "model"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (trap,))

    model.mkdir()
    (model / "model.pkl").write_bytes(pickle.dumps(Bomb()))
    (model / "MLmodel").write_text(
        "flavors:\n  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl, "
        "predict_fn: predict, python_version: 3.11.0, env: conda.yaml}\n"
    )
    opened = stores.connect(pushed)
    uploaded = upload(opened, model, "bomb", "eva-tiny")
    version = opened.client.create_model_version(
        "eva-tiny", uploaded.source, run_id=uploaded.run_id, tags=version_tags(uploaded, "bomb")
    )
    with pytest.raises(InputError, match=r"is no model of EVA \(its loader is 'mlflow.sklearn'\)"):
        load(f"models:/eva-tiny/{version.version}", pushed)
    assert not trap.exists()
    pickle.loads((model / "model.pkl").read_bytes())
    assert trap.exists(), "the trap does not work"


def test_the_commands(eva: Eva, pushed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pushed / "params.yaml").unlink()
    monkeypatch.chdir(pushed)
    named = ("--by", "Ada", "--why", "x")
    done = eva("registry", "approve", "models:/eva-tiny/1", *named)
    assert done.out == "models:/eva-tiny/1 is the champion\n", done.err
    eva("registry", "approve", "models:/eva-tiny/2", *named)
    listed = eva("registry", "list").out.splitlines()
    assert listed[0].split() == ["name", "version", "aliases", "gate", "item", "commit", "registered"]
    assert [line.split()[1:4] for line in listed[1:]] == [
        ["3", "challenger", "passed"], ["2", "champion", "passed"], ["1", "passed", "esconv-tiny-1-eva"],
    ]  # fmt: skip
    back = eva("registry", "rollback", "eva-tiny", *named).out
    assert back == "models:/eva-tiny/1 is the champion again\n"
    shown = eva("registry", "show", "models:/eva-tiny").out
    assert shown.startswith("models:/eva-tiny/1: the gate passed it") and "level_classifier" in shown
    assert "audit log: 6 acts" in eva("registry", "verify").out
    refused = eva("registry", "approve", "models:/eva-tiny@gold", *named)
    assert refused.code == 2 and refused.err.count("\n") == 1
