import os
from pathlib import Path
from typing import Any

import pytest

from eva.errors import InputError
from eva.models.backbones import materialise
from eva.models.chat import SYSTEM_PROMPT, render
from eva.models.loading import load_tokenizer
from eva.record import mlflow_store as stores
from eva.record import stage_run
from eva.registry.promotion import Decision
from eva.registry.registration import Registration, chat, load, register, require_run
from eva.registry.serving import ServingModel, served, serving_template
from eva.settings.backbones_section import Backbone
from eva.settings.generate_section import Generate

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
CARD = "---\nlicense: apache-2.0\n---\n# A test model\n"


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


def greedy() -> Generate:
    return Generate(
        max_new_tokens=8, cot_max_new_tokens=16, temperature=0, top_p=1, repetition_penalty=1, batch_size=2,
        max_length=256, precision="fp32",
    )  # fmt: skip


def registered(root: Path, model: ServingModel, decision: Decision) -> Registration:
    with stage_run("register", {}, {}, {}, root=root) as run:
        run.announce()
        return register(
            model, "eva-tiny", decision, metrics={"evaluate/evaeval/avg": 0.25, "evaluate/unmeasured": None},
            tags={"commit": "abc", "run.dpo": "0" * 32}, card=CARD, run_id=str(run.run_id), root=root,
        )  # fmt: skip


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
def test_candidate_answers_a_chat_as_the_merged_policy_does(
    checkout: Path, backbone: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = served(backbone, adapter, "eva", greedy())
    wanted = direct_answer(model)
    forbid_network(monkeypatch)
    done = registered(checkout, model, Decision("candidate", True, []))

    assert done.uri == "models:/eva-tiny@candidate"
    loaded = load(done.uri, checkout)
    assert chat(loaded, MESSAGES) == wanted
    assert not {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"} & set(os.environ), (
        "subprocesses would inherit it"
    )
    plain = served(backbone, None, "eva", greedy())
    assert direct_answer(plain) != wanted, "the adapter must be in the registered weights"

    client = stores.connect(checkout).client
    version = client.get_model_version_by_alias("eva-tiny", "candidate")
    assert str(version.version) == done.version and version.run_id == done.run_id
    assert version.tags["eva.commit"] == "abc" and version.tags["eva.gate.candidate"] == "passed"
    assert version.description == "# A test model"
    logged = client.get_logged_model(done.model_id)
    assert {metric.key: metric.value for metric in logged.metrics}["evaluate/evaeval/avg"] == 0.25
    assert loaded.metadata.signature.inputs.input_names()[0] == "messages"
    files = [path for path in (checkout / "mlruns").rglob("*") if path.is_file()]
    assert any(path.suffix == ".safetensors" for path in files)
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"}]
    for path in files:
        if path.suffix in {".json", ".yaml", ".jinja", ".txt", ".md"}:
            assert str(backbone) not in path.read_text(), f"{path} names a folder of this machine"
    assert client.get_run(done.run_id).info.status == "FINISHED"


@pytest.mark.slow
def test_refused_model_is_registered_without_the_alias(checkout: Path, backbone: Path) -> None:
    from mlflow.exceptions import MlflowException

    model = served(backbone, None, "eva", greedy())
    done = registered(checkout, model, Decision("candidate", False, ["dpo/accuracy_after was not measured"]))
    assert done.uri == "models:/eva-tiny/1"
    client = stores.connect(checkout).client
    refused = client.get_model_version("eva-tiny", "1").tags["eva.gate.candidate"]
    assert refused == "refused: dpo/accuracy_after was not measured"
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias("eva-tiny", "candidate")
    with pytest.raises(InputError, match=r"models:/eva-tiny@candidate: not in the registry"):
        load("models:/eva-tiny@candidate", checkout)


def test_without_mlflow_nothing_is_registered(checkout: Path) -> None:
    with pytest.raises(InputError, match="could not be reached"):
        require_run(None, "x", checkout)


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
