"""Templates of the current families: what is rendered, what ends a turn, what never gets in."""

from datetime import datetime
from importlib.resources import files
from typing import Any

import pytest
from tests.models.conftest import byte_tokenizer
from tests.models.families import FAMILIES, Family

from eva.errors import InputError
from eva.models import chat
from eva.models.chat_form import chat_form

DIALOGUE = [
    {"role": "user", "content": "I lost my job last week."},
    {"role": "assistant", "content": "That sounds really hard."},
    {"role": "user", "content": "How?"},
    {"role": "assistant", "content": "Please, how long have you been feeling this way?"},
    {"role": "user", "content": "I feel so worried."},
]


def tokenizer_of(family: Family) -> Any:
    names = {"bos_token": family.bos, "eos_token": family.eos}
    given = {name: token for name, token in names.items() if token}
    tokenizer = byte_tokenizer(list(family.special), family.template, **given)
    tokenizer.add_special_tokens({"extra_special_tokens": list(family.special)})
    tokenizer.add_tokens(list(family.plain))
    return tokenizer


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.mark.parametrize("prompt", ["eva", "cot"])
def test_prompt_and_turns_are_those_of_the_family(family, prompt):
    tokenizer = tokenizer_of(family)
    opening = family.opening.replace("SYSTEM", chat.system_prompt(prompt))
    first = f"{opening}{DIALOGUE[0]['content']}{family.asked}".rstrip(" ")
    assert chat.render(tokenizer, DIALOGUE[:1], prompt=prompt) == first
    assert chat.end_of_turn(tokenizer).text == family.closed
    (window,) = chat.encode_dialogue(tokenizer, DIALOGUE, prompt=prompt, max_length=4096)
    answers = [tokenizer.decode(ids) for ids in supervised_turns(window)]
    assert [answer.lstrip() for answer in answers] == [
        DIALOGUE[1]["content"] + family.closed,
        DIALOGUE[3]["content"] + family.closed,
    ]
    for end in (1, 3):  # training sees what generation sees
        ids = chat.encode_prompt(tokenizer, DIALOGUE[:end], prompt=prompt, max_length=4096)
        assert window.input_ids[: len(ids)] == ids
        assert window.labels[len(ids)] != chat.IGNORE
        assert window.labels[len(ids) - 1] == chat.IGNORE


def supervised_turns(window: chat.Window) -> list[list[int]]:
    turns: list[list[int]] = [[]]
    for label in window.labels:
        if label != chat.IGNORE:
            turns[-1].append(label)
        elif turns[-1]:
            turns.append([])
    return [turn for turn in turns if turn]


def test_the_template_that_is_saved_says_the_same_by_itself(family):
    """What a server makes of the saved template, without us: the same prompt."""
    tokenizer = tokenizer_of(family)
    form = chat_form(tokenizer)
    wanted = chat.render(tokenizer, DIALOGUE)
    tokenizer.chat_template = form.template
    assert chat.render(tokenizer, DIALOGUE) == wanted
    assert chat_form(tokenizer).template == form.template
    if form.takes_system:
        turns = [{"role": "system", "content": chat.SYSTEM_PROMPT}, *DIALOGUE]
        assert tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == wanted


def test_no_date_of_today_is_in_a_prompt(monkeypatch):
    shas = {}
    for year in (2031, 2032):

        class Clock(datetime):
            @classmethod
            def now(cls, tz=None, year=year):
                return cls(year, 3, 4)

        monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Clock)
        for name, family in FAMILIES.items():
            tokenizer = tokenizer_of(family)
            assert str(year) not in chat.render(tokenizer, DIALOGUE), name
            shas.setdefault(name, set()).add(chat.prompt_sha(tokenizer, "eva"))
        plain = tokenizer_of(FAMILIES["llama_3_2"])
        assert str(year) in plain.apply_chat_template(DIALOGUE, tokenize=False)  # the clock does stand there
    assert {name: len(found) for name, found in shas.items()} == dict.fromkeys(FAMILIES, 1)


def test_the_prompts_identity_follows_from_what_is_rendered():
    """The same template text with another token in it is another prompt."""
    one, other = (tokenizer_of(FAMILIES["olmo_2"]) for _ in range(2))
    other.bos_token = "<|pad|>"
    assert chat.prompt_sha(one, "eva") != chat.prompt_sha(other, "eva")


@pytest.mark.parametrize("draw", ["{{ [1, 2] | random }}", "{{ lipsum() }}"])
def test_a_template_that_draws_at_random_is_refused(chatml, draw):
    chatml.chat_template += draw
    with pytest.raises(InputError, match="contains random text"):
        chat.check_template(chatml)


def test_a_prompt_that_opens_a_thought_is_refused_with_both_texts(chatml):
    chatml.chat_template = chatml.chat_template.replace("assistant\n{%", "assistant\n<think>\n{%")
    with pytest.raises(InputError, match=r"(?s)opens a thought.*generation prompt: .*<think>.*finished turn"):
        chat.check_template(chatml)


def test_of_named_templates_the_default_is_taken_or_missed_by_name(chatml):
    template = chatml.chat_template
    chatml.chat_template = {"default": template, "rag": "{{ 1 }}"}
    assert chat_form(chatml).template == template
    chatml.chat_template = {"tool_use": template, "rag": template}
    with pytest.raises(InputError, match="named rag, tool_use, but none named `default`"):
        chat.check_template(chatml)


def test_broken_jinja_is_one_message(chatml):
    for broken in ("{% for m in messages %}", "{{ messages[0].content + 1 }}", "{{ 'a }}"):
        chatml.chat_template = broken
        with pytest.raises(InputError, match="its chat template"):
            chat.check_template(chatml)


REAL = ("llama3", "llama3_2", "qwen2_5", "qwen3", "gemma", "gemma3", "phi3", "phi3_5", "qwen3_instruct_2507")


@pytest.mark.parametrize("name", REAL)
def test_templates_that_trl_ships_pass(name):
    template = files("trl").joinpath("chat_templates", f"{name}.jinja").read_text()
    tokens = [
        *("<bos>", "<eos>", "<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>", "<|end|>"),
        *(
            "<|system|>",
            "<|user|>",
            "<|assistant|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
    ]
    tokenizer = byte_tokenizer(tokens, template, bos_token="<bos>", eos_token="<eos>")
    tokenizer.add_special_tokens({"extra_special_tokens": tokens})
    chat.check_template(tokenizer)
    (window,) = chat.encode_dialogue(tokenizer, DIALOGUE, max_length=4096)
    assert len(supervised_turns(window)) == 2


@pytest.mark.parametrize("name", ["deepseek_r1_distill", "gptoss"])
def test_reasoning_templates_that_trl_ships_are_refused(name):
    template = files("trl").joinpath("chat_templates", f"{name}.jinja").read_text()
    tokens = ["<bos>", "<｜User｜>", "<｜Assistant｜>", "<|start|>", "<|message|>", "<|channel|>", "<|end|>"]
    tokenizer = byte_tokenizer(tokens, template, bos_token="<bos>")
    with pytest.raises(InputError, match=r"opens a thought|right after its generation prompt"):
        chat.check_template(tokenizer)
