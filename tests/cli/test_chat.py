"""`eva chat`, by its real entry, with a tiny model in a real registry."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Eva
from tests.record.conftest import empty_database
from tests.registry.packages import REFUSED, record_chain, write_package

from eva.models.backbones import materialise
from eva.record import mlflow_store as stores
from eva.registry.pushing import push
from eva.safety.notices import OPENING, REFERRAL, STAYS
from eva.settings.backbones_section import Backbone
from eva.settings.profiles import profile_text

__all__ = ["empty_database"]

CRISIS = "I want to kill myself tonight"
RULES_ALONE = (
    "no models/crisis_detector: only the rules check messages for danger, and they miss more than rules and "
    "probe together (`dvc repro crisis_detector` makes the probe)"
)
Say = Callable[..., None]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Type these lines into the conversation."""
    return lambda *lines: monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{one}\n" for one in lines)))


@pytest.fixture
def params(here: Path, root: Path) -> Path:
    """The smoke profile with the default detector."""
    text = profile_text(root / "profiles", "smoke").replace("detector: rules", "detector: either")
    (here / "params.yaml").write_text(text)
    return here / "params.yaml"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A folder whose registry holds the tiny model under the name that the smoke profile registers."""
    root = tmp_path_factory.mktemp("registry")
    shutil.copy(empty_database, root / "mlflow.db")
    materialise("tiny", Backbone(role="causal", source="random", id="llama"), root / "tiny")
    write_package(root, "tiny", name="eva-smoke", decision=REFUSED)
    record_chain(root)
    push(root / "registry", root)
    return root


@pytest.fixture
def registered(registry: Path, params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This folder's commands see that registry."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{registry / 'mlflow.db'}")


def test_danger_is_answered_without_a_model_and_without_a_registry(eva: Eva, params: Path) -> None:
    done = eva("chat", CRISIS)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{OPENING}\n\n{RULES_ALONE}\n\n{REFERRAL}\n", "nobody has fitted the probe here"
    assert [path.name for path in params.parent.iterdir()] == ["params.yaml"], "nothing is stored"


def test_a_probe_alone_is_not_replaced_by_the_rules(eva: Eva, params: Path) -> None:
    params.write_text(params.read_text().replace("detector: either", "detector: probe"))
    done = eva("chat", CRISIS)
    assert done.code == 2
    assert "there is no trained detector; run `dvc repro crisis_detector`" in done.err


def test_the_referral_is_the_one_of_the_settings(eva: Eva, params: Path) -> None:
    text = params.read_text()
    start = text.index("referral:")
    params.write_text(text[:start] + 'referral: "Ask at the ward."\n')
    assert eva("chat", CRISIS).out.endswith("\n\nAsk at the ward.\n")


def test_without_params_a_model_must_be_named(eva: Eva, here: Path) -> None:
    done = eva("chat", CRISIS)
    assert done.code == 2
    assert "params.yaml: no such file" in done.err
    said = eva("chat", CRISIS, "--model", "models:/m/1").out
    assert REFERRAL in said and "no params.yaml here: only the rules check messages" in said


def test_an_empty_message(eva: Eva, params: Path) -> None:
    done = eva("chat", "  ")
    assert done.code == 2
    assert "the message is empty" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("words", [["I lost my job"], []])
def test_without_a_registered_model_one_message_says_what_to_run(
    eva: Eva, params: Path, words: list[str]
) -> None:
    done = eva("chat", *words)
    assert done.code == 2
    assert "not in the registry" in done.err and "`eva registry push`" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_the_registered_model_answers_and_says_which_it_is(eva: Eva, registered: None) -> None:
    done = eva("chat", "I lost my job")
    assert done.code == 0, done.err
    assert done.out.startswith(f"{OPENING}\n\n{RULES_ALONE}\n\n[loading models:/eva-smoke/1]\n")


@pytest.mark.slow
def test_in_a_conversation_a_flag_stays_until_a_new_one(
    eva: Eva, registered: None, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eva.registry import registration

    asked: list[list[str]] = []

    def answer(model: object, messages: list[dict[str, str]]) -> str:
        asked.append([one["content"] for one in messages])
        return "I see."

    monkeypatch.setattr(registration, "chat", answer)
    say("I lost my job", "", CRISIS, "never mind, tell me a joke", "/new", "hello again", "/quit", "unread")
    done = eva("chat")
    assert done.code == 0, done.err
    assert asked == [["I lost my job"], ["hello again"]]
    assert done.out.count(REFERRAL) == done.out.count(STAYS) == 2
    assert done.out.count("[loading ") == 1


@pytest.mark.slow
def test_an_alias_that_no_version_has_names_the_versions_there_are(
    eva: Eva, registered: None, registry: Path
) -> None:
    done = eva("chat", "hello", "--model", "models:/eva-smoke@champion")
    assert done.code == 2
    assert "write models:/eva-smoke/1" in done.err
    assert stores.connect(registry).client.get_model_version("eva-smoke", "1")
