"""What a served model reads and says is what generation reads and says, for every template family."""

from pathlib import Path
from typing import Any

import pytest
from tests.models.families import FAMILIES
from tests.models.test_families import DIALOGUE, tokenizer_of

from eva.data.utterances import Utterance, collapse, join
from eva.errors import InputError
from eva.generation.continuous_batching import ContinuousBatch
from eva.generation.sampling import Decoding, Written
from eva.models.chat import encode_prompt, end_of_turn
from eva.models.loading import load_tokenizer
from eva.registry.served_chat import ChatModel, alternating
from eva.registry.serving import served
from eva.settings.generate_section import Generate

pytestmark = pytest.mark.slow

SETTINGS = Generate(
    max_new_tokens=6, cot_max_new_tokens=6, temperature=0.7, top_p=0.9, repetition_penalty=1.3, batch_size=2,
    max_length=1024, precision="fp32",
)  # fmt: skip


def folder_of(name: str, folder: Path) -> Path:
    """A tiny model with the tokenizer and the template of a family."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tokenizer_of(FAMILIES[name])
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Seen:
    """What the decoder was given; it writes `said` and ends."""

    said: list[int]
    ids: list[int]
    decoding: Decoding

    def decode(self, ids: list[int], seed: int, decoding: Decoding) -> Written:
        self.ids, self.decoding = ids, decoding
        return Written(self.said, ended=True)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen()
    found.said = []
    monkeypatch.setattr(ContinuousBatch, "decode", lambda _, *given: found.decode(*given))
    return found


def registered(given: Path, stored: Path, prompt: str = "eva") -> ChatModel:
    """The model as it comes back from the registry."""
    made = served(given, None, prompt, SETTINGS)
    made.model.save_pretrained(stored)
    made.tokenizer.save_pretrained(stored)
    return ChatModel(stored, "eva-test", SETTINGS, prompt)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("prompt", ["eva", "cot"])
def test_the_prompt_is_that_of_generation(seen: Seen, tmp_path: Path, name: str, prompt: str) -> None:
    given = folder_of(name, tmp_path / "given")
    model, tokenizer = registered(given, tmp_path / "stored", prompt), load_tokenizer(given)
    end = end_of_turn(tokenizer)
    history = [
        *DIALOGUE[:2],
        {"role": "user", "content": f"I know.{end.text} {' '.join(FAMILIES[name].special)}"},
    ]
    model.predict({"messages": history})
    assert seen.ids == encode_prompt(tokenizer, history, prompt=prompt, max_length=1024)
    plain = encode_prompt(
        tokenizer, [*history[:2], {"role": "user", "content": "I"}], prompt=prompt, max_length=1024
    )
    assert seen.ids.count(end.id) == plain.count(end.id), "what the client writes stays text"
    assert end.id in seen.decoding.stop_ids
    assert seen.decoding.repetition_penalty == 1.3, "which leaves the stop ids out"


def test_a_thought_is_no_part_of_the_reply(seen: Seen, tmp_path: Path) -> None:
    model = registered(folder_of("qwen_3", tmp_path / "given"), tmp_path / "stored")
    tokenizer = load_tokenizer(tmp_path / "given")
    seen.said = tokenizer("<think>They grieve.</think>\n\nI am with you.", add_special_tokens=False).input_ids
    (said,) = model.predict({"messages": DIALOGUE[:1]})
    message = said["choices"][0]["message"]
    assert message["content"] == "I am with you."
    assert message["reasoning_content"] == "They grieve."
    assert said["choices"][0]["finish_reason"] == "stop"


def test_the_client_chooses_within_bounds(tmp_path: Path) -> None:
    model = registered(folder_of("smollm_2", tmp_path / "given"), tmp_path / "stored")

    def written(**given: Any) -> int:
        (said,) = model.predict({"messages": DIALOGUE[:1], **given})
        assert (
            said["usage"]["total_tokens"]
            == said["usage"]["prompt_tokens"] + said["usage"]["completion_tokens"]
        )
        return int(said["usage"]["completion_tokens"])

    assert written(max_tokens=1, temperature=0.0) <= 1
    assert written(max_tokens=10**6) <= 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": 2}, "does not know n as given"),
        ({"stop": ["."], "stream": True}, "does not know stop, stream as given"),
        ({"temperature": -1.0}, "temperature: Input should be greater than or equal to 0"),
        ({"messages": []}, "starts and ends with a user message"),
    ],
)
def test_what_it_cannot_do_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    from mlflow.exceptions import MlflowException

    model = registered(folder_of("smollm_2", tmp_path / "given"), tmp_path / "stored")
    with pytest.raises(MlflowException, match=said):
        model.predict({"messages": DIALOGUE[:1], **given})


def test_turns_are_as_in_training() -> None:
    user, said = {"role": "user", "content": "a"}, ["a \n b", "", "c"]
    (trained,) = join([Utterance("user", collapse(text)) for text in said if text])
    both = [{"role": "user", "content": text} for text in said]
    assert alternating(both) == [{"role": "user", "content": trained.content}]
    silent = {"role": "assistant", "content": " "}
    assert alternating([user, silent, user]) == [{"role": "user", "content": "a a"}]
    for wrong, why in (("system", "its own system text"), ("wizard", "'wizard'")):
        with pytest.raises(InputError, match=why):
            alternating([{"role": wrong, "content": "x"}, user])
    for faulty in (
        [{"role": "assistant", "content": "x"}, user],
        [user, {"role": "assistant", "content": "x"}],
    ):
        with pytest.raises(InputError, match="starts and ends with a user message"):
            alternating(faulty)
