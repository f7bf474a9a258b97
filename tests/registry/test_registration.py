"""A package goes into a real registry, once, and answers from there as the merged policy does."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.registry.packages import CARD, REFUSED, greedy, known_lineage, write_package

from eva.artifacts import digest_path
from eva.errors import InputError
from eva.models.backbones import materialise
from eva.models.chat import SYSTEM_PROMPT, render
from eva.models.loading import load_tokenizer
from eva.models.tiny import build_tiny
from eva.record import mlflow_store as stores
from eva.registry import uploading
from eva.registry.model_folder import build_model
from eva.registry.package import Guard
from eva.registry.pushing import push
from eva.registry.registration import chat, exact, load
from eva.registry.serving import ServingModel, served, serving_template
from eva.registry.stored_files import check_versions
from eva.safety.labelled_messages import Labelled
from eva.safety.probe_fitting import train_probe
from eva.settings.backbones_section import Backbone

MESSAGES = [{"role": "user", "content": "I lost my job and I feel so tired."}]
REFUSES_SYSTEM = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}"
    "{% elif message['role'] == 'user' %}[INST] {{ message['content'] }} [/INST]"
    "{% else %}{{ message['content'] }}<|im_end|>{% endif %}{% endfor %}"
)
OWN_DEFAULT = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "<|im_start|>system\nI am somebody else<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    materialise("tiny", Backbone(role="causal", source="random", id="llama"), folder)
    return folder


@pytest.fixture(scope="module")
def adapter(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that changes the model much."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(backbone)
    adapted = get_peft_model(
        model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    )
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    folder = tmp_path_factory.mktemp("adapter")
    adapted.save_pretrained(folder)
    return folder


@pytest.fixture
def workspace(checkout: Path, backbone: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a trained model and its package."""
    (checkout / "models").mkdir()
    for name, folder in (("model", backbone), ("adapter", adapter)):
        (checkout / "models" / name).symlink_to(folder)
    write_package(checkout, "models/model", "models/adapter")
    known_lineage(monkeypatch)
    return checkout


@pytest.mark.slow
@pytest.mark.parametrize("template", [None, REFUSES_SYSTEM, OWN_DEFAULT, "\n" + REFUSES_SYSTEM])
@pytest.mark.parametrize("prompt", ["eva", "cot"])
def test_served_template_writes_what_training_saw(backbone: Path, template: str | None, prompt: str) -> None:
    tokenizer = load_tokenizer(backbone)
    if template is not None:
        tokenizer.chat_template = template
    history = [
        *MESSAGES,
        {"role": "assistant", "content": 'A "hard" week.'},
        {"role": "user", "content": "Yes."},
    ]
    wanted = render(tokenizer, history, prompt=prompt)
    tokenizer.chat_template = serving_template(tokenizer, prompt)
    assert tokenizer.apply_chat_template(history, tokenize=False, add_generation_prompt=True) == wanted
    own = [{"role": "system", "content": "Be brief."}, *history]
    text = tokenizer.apply_chat_template(own, tokenize=False, add_generation_prompt=True)
    assert "Be brief." in text and "considerate supporter" not in text


@pytest.mark.slow
def test_template_that_cannot_carry_the_prompt_is_refused(backbone: Path) -> None:
    tokenizer = load_tokenizer(backbone)
    tokenizer.chat_template = "{% if eva_system is defined %}other{% endif %}" + REFUSES_SYSTEM
    with pytest.raises(InputError, match="cannot hold the system prompt"):
        serving_template(tokenizer, "eva")


@pytest.mark.slow
def test_the_registered_model_answers_a_chat_as_the_merged_policy_does(
    workspace: Path, backbone: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = served(backbone, adapter, "eva", greedy())
    wanted = direct_answer(model)
    forbid_network(monkeypatch)
    done = push(workspace / "registry", workspace)
    assert done.uri == "models:/eva-tiny/1" and done.is_new

    loaded = load("models:/eva-tiny@challenger", workspace)
    assert chat(loaded, MESSAGES) == wanted
    assert not {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"} & set(os.environ), (
        "subprocesses would inherit it"
    )
    plain = served(backbone, None, "eva", greedy())
    assert direct_answer(plain) != wanted, "the adapter must be in the registered weights"

    client = stores.connect(workspace).client
    version = client.get_model_version_by_alias("eva-tiny", "challenger")
    assert version.tags.keys() == {"gate", "commit", "item", "eva.identity", "eva.files"}
    assert version.tags["gate"] == "passed" and version.tags["item"] == "esconv-tiny-1-eva"
    assert "# A test model" in version.description
    run = client.get_run(version.run_id)
    assert run.data.metrics["evaluate/evaeval/avg"] == 0.25 and run.info.status == "FINISHED"
    files = [path for path in (workspace / "mlruns").rglob("*") if path.is_file()]
    assert any(path.suffix == ".safetensors" for path in files)
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"}]
    for path in files:
        if path.suffix in {".json", ".yaml", ".jinja", ".txt", ".md"}:
            assert str(backbone) not in path.read_text(), f"{path} names a folder of this machine"


@pytest.mark.slow
def test_equal_weights_are_one_version(workspace: Path) -> None:
    first = push(workspace / "registry", workspace)
    stored = digest_path(workspace / "mlruns" / "models")
    write_package(workspace, "models/model", "models/adapter", REFUSED)
    second = push(workspace / "registry", workspace)
    assert (second.uri, second.is_new) == (first.uri, False)
    assert digest_path(workspace / "mlruns" / "models") == stored
    version = stores.connect(workspace).client.get_model_version("eva-tiny", "1")
    assert version.tags["gate"] == "refused"
    assert "dpo/accuracy_after was not measured" in version.description

    write_package(workspace, "models/model")
    assert push(workspace / "registry", workspace).uri == "models:/eva-tiny/2", "other weights"


@pytest.mark.slow
def test_a_refused_model_is_registered_without_an_alias(workspace: Path) -> None:
    write_package(workspace, "models/model", decision=REFUSED)
    push(workspace / "registry", workspace)
    assert exact("models:/eva-tiny", workspace) == "models:/eva-tiny/1", "the newest, as none has an alias"
    with pytest.raises(InputError, match=r"models:/eva-tiny@challenger: not in the registry"):
        load("models:/eva-tiny@challenger", workspace)


@pytest.mark.slow
def test_an_interrupted_upload_is_no_version_and_goes_on(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, sent = uploading._put, list[str]()

    def cut(client: Any, model_id: str, folder: Path, names: list[str]) -> None:
        put(client, model_id, folder, [name for name in names if name.endswith(".safetensors")])
        raise KeyboardInterrupt

    def counted(client: Any, model_id: str, folder: Path, names: list[str]) -> None:
        sent.extend(names)
        put(client, model_id, folder, names)

    monkeypatch.setattr(uploading, "_SMALL", 1)
    monkeypatch.setattr(uploading, "_put", cut)
    with pytest.raises(KeyboardInterrupt):
        push(workspace / "registry", workspace)
    opened = stores.connect(workspace)
    assert opened.client.search_model_versions("name = 'eva-tiny'") == []

    monkeypatch.setattr(uploading, "_put", counted)
    push(workspace / "registry", workspace)
    assert sent and not [name for name in sent if name.endswith(".safetensors")], "it was there already"
    assert len(opened.client.search_logged_models([opened.experiment])) == 1
    found = check_versions(workspace)
    assert (found.versions, found.problems) == (1, [])


@pytest.mark.slow
def test_what_the_store_gives_back_damaged_is_no_version(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploading._put

    def spoilt(client: Any, model_id: str, folder: Path, names: list[str]) -> None:
        put(client, model_id, folder, names)
        (weights,) = (workspace / "mlruns").rglob("model.safetensors")
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")

    monkeypatch.setattr(uploading, "_put", spoilt)
    with pytest.raises(InputError, match=r"model.safetensors does not match its sha256"):
        push(workspace / "registry", workspace)
    assert stores.connect(workspace).client.search_model_versions("name = 'eva-tiny'") == []


@pytest.fixture
def probed(workspace: Path) -> Guard:
    """A trained detector in the workspace, on a tiny random encoder."""
    given = workspace / "models"
    build_tiny("roberta", "encoder", given / "encoder")
    danger = [Labelled(f"the pit {n}", "veiled", True, "development") for n in range(20)]
    calm = [Labelled(f"a cup of tea {n}", "everyday", False, "development") for n in range(20)]
    train_probe([*danger, *calm], [], 0.1, given / "encoder", given / "probe")
    return Guard.of("either", "Ask at the ward.", Path("models/probe"), Path("models/encoder"), workspace)


@pytest.mark.slow
def test_mlflow_serves_the_model_behind_its_own_guard(workspace: Path, probed: Guard) -> None:
    """As `mlflow models serve` loads it; the probe knows what no rule does."""
    import mlflow

    package = write_package(workspace, "models/model", guard=probed)
    folder = build_model(package, CARD, workspace / "made" / "model", workspace)
    model = mlflow.pyfunc.load_model(str(folder))
    for text in ("I want to kill myself tonight", "the pit 7"):
        (said,) = model.predict({"messages": [{"role": "user", "content": text}]})
        assert said["choices"][0]["message"]["content"] == "Ask at the ward."
        assert said["choices"][0]["finish_reason"] == "content_filter"
        assert said["usage"]["completion_tokens"] == 0, "the model was not asked"
    (said,) = model.predict({"messages": [{"role": "user", "content": "a cup of tea 7"}]})
    assert said["usage"]["completion_tokens"] > 0


@pytest.mark.slow
def test_a_guard_that_cannot_be_opened_or_is_missing_is_not_registered(
    workspace: Path, probed: Guard
) -> None:
    write_package(workspace, "models/model", guard=None)
    with pytest.raises(InputError, match="has no guard; `dvc repro register` writes it again"):
        push(workspace / "registry", workspace)
    write_package(workspace, "models/model", guard=probed)
    (workspace / "models" / "encoder" / "README.md").write_text("no weight, but other than the probe's")
    with pytest.raises(InputError, match="fitted on another encoder"):
        push(workspace / "registry", workspace)
    assert stores.connect(workspace).client.search_model_versions("name = 'eva-tiny'") == []


def test_files_that_are_not_those_of_the_package_are_refused(workspace: Path) -> None:
    package = write_package(workspace, "models/model")
    (workspace / "models" / "model").unlink()
    with pytest.raises(InputError, match=r"models/model is missing"):
        package.require_files(workspace)
    (workspace / "models" / "model").mkdir()
    (workspace / "models" / "model" / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"models/model was changed after"):
        push(workspace / "registry", workspace)
    with pytest.raises(InputError, match=r"package.json: no such file; `dvc repro register`"):
        push(workspace / "nowhere", workspace)


def direct_answer(model: ServingModel) -> str:
    text = render(load_like(model), MESSAGES)
    ids = model.tokenizer(text, add_special_tokens=False, return_tensors="pt")
    out: Any = model.model.cpu().generate(**ids, max_new_tokens=8, do_sample=False)
    assert SYSTEM_PROMPT in text
    answer = model.tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    return str(answer).lstrip()


def load_like(model: ServingModel) -> Any:
    """The same tokenizer with the template it was trained with."""
    import copy

    from eva.models.tiny import CHATML

    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = CHATML
    return tokenizer


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*words: object, **_: object) -> None:
        raise AssertionError(f"the registry must not look anything up: {words[:2]}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
