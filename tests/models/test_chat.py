"""The loss mask token by token on every template, and windows that lose no supporter turn."""

import pytest

from eva.errors import InputError
from eva.models import chat
from eva.models.template import encode

MESSAGES = [
    {"role": "user", "content": "I lost my job 😔 last week."},
    {"role": "assistant", "content": "That sounds really hard. How long have you been feeling this way?"},
    {"role": "user", "content": "Since Monday, and I can't sleep."},
    {"role": "assistant", "content": "How worried you are!"},
    {"role": "user", "content": "Yes."},
]


def long_dialogue(turns: int, words: int = 12) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": f"t{i} " + "really hard " * words} for i in range(turns)]


def supervised(window) -> list[int]:
    return [label for label in window.labels if label != chat.IGNORE]


def spoken(tokenizer, window) -> str:
    return tokenizer.decode(supervised(window))


@pytest.mark.parametrize("prompt", ["eva", "cot"])
def test_mask_is_exactly_the_supporters_turns_token_by_token(chat_format, prompt):
    tokenizer = chat_format.tokenizer
    (window,) = chat.encode_dialogue(tokenizer, MESSAGES, prompt=prompt, max_length=4096)

    pieces = chat_format.pieces(chat.system_prompt(prompt), MESSAGES)
    text = "".join(piece for piece, _ in pieces)
    assert chat.render(tokenizer, MESSAGES, prompt=prompt).startswith(text)
    spans, at = [], 0
    for piece, supervised in pieces:
        spans += [(at, at + len(piece))] if supervised else []
        at += len(piece)

    plain = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert window.input_ids == plain["input_ids"][: len(window.input_ids)]
    for token, label, (a, b) in zip(window.input_ids, window.labels, plain["offset_mapping"], strict=False):
        inside = any(start <= a and b <= stop for start, stop in spans)
        assert label == (token if inside else chat.IGNORE), (token, text[a:b])
    covered = {
        i for a, b in plain["offset_mapping"] if any(s <= a and b <= e for s, e in spans) for i in range(a, b)
    }
    wanted = {i for s, e in spans for i in range(s, e)}
    assert all(text[i] == " " for i in wanted - covered)  # byte-level offsets leave out leading blanks


def test_every_turn_ends_in_its_end_token_and_nothing_follows(chat_format):
    (window,) = chat.encode_dialogue(chat_format.tokenizer, MESSAGES, max_length=4096)
    end = chat.end_of_turn(chat_format.tokenizer)
    assert end.text == chat_format.end
    assert window.labels.count(end.id) == 2
    assert window.labels[-1] == end.id
    assert window.turns == (1, 2)


def test_prompt_is_the_beginning_of_the_dialogue(chat_format):
    tokenizer = chat_format.tokenizer
    ids = chat.encode_dialogue(tokenizer, MESSAGES, max_length=4096)[0].input_ids
    for end in (1, 3):
        prompt = chat.encode_prompt(tokenizer, MESSAGES[:end], max_length=4096)
        assert ids[: len(prompt)] == prompt


def test_a_template_may_trim_and_text_may_have_blanks_around_it(chat_format):
    padded = [{**m, "content": f"\n {m['content']}  "} for m in MESSAGES]
    assert chat.encode_dialogue(chat_format.tokenizer, padded, max_length=4096) == chat.encode_dialogue(
        chat_format.tokenizer, MESSAGES, max_length=4096
    )


def test_windows_supervise_each_turn_once_with_as_much_history_as_fits(chat_format):
    tokenizer, messages = chat_format.tokenizer, long_dialogue(16)
    (whole,) = chat.encode_dialogue(tokenizer, messages, max_length=10_000)
    limit = len(whole.input_ids) * 6 // 10
    windows = chat.encode_dialogue(tokenizer, messages, max_length=limit)

    assert len(windows) > 2
    assert [t for w in windows for t in w.turns] == list(range(1, 9))
    assert [label for w in windows for label in supervised(w)] == supervised(whole)
    for window in windows:
        assert len(window.input_ids) <= limit
        text = tokenizer.decode(window.input_ids)
        assert "considerate supporter" in text
        first = next(i for i in range(16) if f"t{i} " in text)
        assert first % 2 == 0, "a window starts at a user turn"
        if first > 0:  # one more pair of history would not have fitted
            for turn in window.turns:
                wider = encode(tokenizer, messages[first - 2 : 2 * turn], "eva")
                assert len(wider.ids) > limit


def test_a_turn_longer_than_the_budget_keeps_its_end(chat_format):
    tokenizer = chat_format.tokenizer
    messages = [MESSAGES[0], {"role": "assistant", "content": "really hard " * 400 + "last word"}]
    (window,) = chat.encode_dialogue(tokenizer, messages, max_length=256)
    assert len(window.input_ids) == 256
    assert spoken(tokenizer, window).endswith("last word" + chat_format.end)


def test_prompt_drops_the_oldest_turns_and_keeps_the_system_text(chat_format):
    tokenizer, history = chat_format.tokenizer, long_dialogue(15)
    limit = len(chat.encode_prompt(tokenizer, history, max_length=10_000)) * 6 // 10
    ids = chat.encode_prompt(tokenizer, history, max_length=limit)
    text = tokenizer.decode(ids)
    assert len(ids) <= limit
    assert "considerate supporter" in text
    assert "t14 " in text
    assert "t0 " not in text


def test_one_huge_user_message_still_leaves_system_text_and_its_end(chatml):
    history = [{"role": "user", "content": "really hard " * 500 + "the end"}]
    ids = chat.encode_prompt(chatml, history, max_length=300)
    text = chatml.decode(ids)
    assert len(ids) == 300
    assert "considerate supporter" in text
    assert text.endswith("the end<|im_end|>\n<|im_start|>assistant\n")


def test_answers_to_one_history_share_it(chat_format):
    tokenizer, history = chat_format.tokenizer, long_dialogue(9)
    short, long = chat.encode_responses(tokenizer, history, ["Oh.", "really hard " * 60], max_length=600)
    assert spoken(tokenizer, short).strip() == "Oh." + chat_format.end
    cut_short = short.input_ids[: short.labels.index(next(x for x in short.labels if x != chat.IGNORE))]
    assert long.input_ids[: len(cut_short)] == cut_short
    assert len(long.input_ids) <= 600
    assert short.turns == long.turns == (5,)


def test_zero_supervised_tokens_is_an_error(chatml):
    with pytest.raises(InputError, match="no tokens to train on"):
        chat.encode_dialogue(chatml, MESSAGES[:1], max_length=512)


def test_an_empty_supporter_turn_is_an_error(chatml):
    messages = [MESSAGES[0], {"role": "assistant", "content": "  "}]
    with pytest.raises(InputError, match="turn 2"):
        chat.encode_dialogue(chatml, messages, max_length=512)


def test_a_conversation_starts_with_the_user(chatml):
    with pytest.raises(InputError, match="start with a user turn"):
        chat.render(chatml, MESSAGES[1:])


BODY = "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"
GENERATION = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "no chat template"),
        ("{% for m in messages %}" + BODY + "{{ '\n' }}{% endfor %}" + GENERATION, "no end-of-turn token"),
        (
            "{% for m in messages %}"
            + BODY
            + "{% if loop.last %}<|im_end|>{% endif %}{% endfor %}"
            + GENERATION,
            "differently when more turns follow",
        ),
        (
            "{% for m in messages %}"
            + BODY
            + "{% if m['role'] == 'user' or loop.last %}<|im_end|>{% endif %}{% endfor %}"
            + GENERATION,
            "no end-of-turn token after each",
        ),
        (
            "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] != 'assistant' %}"
            "{{ m['content'] }}{% endif %}<|im_end|>\n{% endfor %}" + GENERATION,
            "right after its generation prompt",
        ),
        (
            "{% for m in messages %}" + BODY + "<|im_end|>{% endfor %}",
            "right after its generation prompt",  # else the mask would cover the header
        ),
    ],
)
def test_a_template_that_cannot_be_trained_on_is_refused(chatml, template, message):
    chatml.chat_template = template
    with pytest.raises(InputError, match=message):
        chat.check_template(chatml)


def test_all_supported_templates_pass_the_check(chat_format):
    chat.check_template(chat_format.tokenizer)


@pytest.mark.parametrize(
    "system",
    [
        "{% if m['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}",
        "{% if m['role'] == 'system' %}{% continue %}{% endif %}",
    ],
)
def test_system_text_folds_where_the_template_has_no_place_for_it(chatml, system):
    chatml.chat_template = "{% for m in messages %}" + system + BODY + "<|im_end|>\n{% endfor %}" + GENERATION
    text = chat.render(chatml, MESSAGES[:2])
    assert text.startswith(f"<|im_start|>user\n{chat.SYSTEM_PROMPT}\n\nI lost my job")
    assert "system" not in text.split("Your job")[0]


def test_prompt_sha_names_template_and_text(chatml):
    eva, cot = (chat.prompt_sha(chatml, name) for name in ("eva", "cot"))
    chatml.chat_template = "{# another #}" + chatml.chat_template
    assert len({eva, cot, chat.prompt_sha(chatml, "eva")}) == 3


@pytest.mark.parametrize(
    ("text", "response", "thought", "marked"),
    [
        ("They are sad. Level 2.\n\n**Response: That hurts.", "That hurts.", "They are sad. Level 2.", True),
        ("Response: one Response: two", "two", "Response: one", True),
        ("**Response:** I hear you.", "I hear you.", "", True),
        ("I hear you.", "I hear you.", "", False),
        ("They are sad.\nResponse:", "They are sad.", "", False),
        ("Response:", "Response:", "", False),
        ("", "", "", False),
    ],
)
def test_only_the_text_after_the_last_mark_is_the_response(text, response, thought, marked):
    assert chat.extract_response(text) == chat.Extracted(response, thought, marked)


def test_an_unknown_prompt_names_the_known_ones():
    with pytest.raises(InputError, match="eva, cot"):
        chat.system_prompt("evaa")
