"""Preparing a trained model for serving: adapter merged, system prompt in the chat template.

A client sends only the conversation and must get the prompt of training and evaluation, so the system
prompt is put into the chat template itself. Otherwise the template of some backbones adds its own system
prompt (SmolLM2's says that it is SmolLM), and Mistral's has none.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.errors import InputError
from eva.models.chat import check_template, end_of_turn, render, system_prompt
from eva.models.loading import load_policy, load_tokenizer
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBE = [
    {"role": "user", "content": "I lost my job."},
    {"role": "assistant", "content": "That is hard. What happened?"},
    {"role": "user", "content": "They closed the office."},
]

# For those who use the folder without EVA: there a system message replaces EVA's.
_OWN_TURN = (
    "{% if messages[0]['role'] != 'system' %}"
    "{% set messages = [{'role': 'system', 'content': SYSTEM}] + messages %}{% endif %}"
)
_FOLDED = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set eva_system = messages[0]['content'] %}{% set messages = messages[1:] %}"
    "{% else %}{% set eva_system = SYSTEM %}{% endif %}"
    "{% set messages = [{'role': 'user', 'content': eva_system + '\\n\\n' + messages[0]['content']}]"
    " + messages[1:] %}"
)


@dataclass(frozen=True)
class ServingModel:
    """Model and tokenizer with the prompt inside, the prompt's name, the decoding of evaluation."""

    model: Any
    tokenizer: "PreTrainedTokenizerBase"
    prompt: str
    decoding: Generate

    def config(self, name: str) -> dict[str, Any]:
        """What `eva.registry.served_chat` is told besides the weights."""
        return {"name": name, "prompt": self.prompt, "generate": self.decoding.model_dump(mode="json")}


def served(model_dir: Path, adapter_dir: Path | None, prompt: str, generate: Generate) -> ServingModel:
    """Merge the adapter into float32 weights and put the system prompt into the chat template.

    float32, because a merge into bfloat16 rounds most of what alignment changed away.
    An `InputError` says why a backbone's template cannot be served.
    """
    tokenizer = load_tokenizer(model_dir)
    check_template(tokenizer)
    tokenizer.chat_template = serving_template(tokenizer, prompt)
    model = load_policy(model_dir, adapter_dir, "float32")
    model.generation_config.eos_token_id = end_of_turn(tokenizer).id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return ServingModel(model, tokenizer, prompt, generate)


def serving_template(tokenizer: "PreTrainedTokenizerBase", prompt: str) -> str:
    """The chat template with the system prompt in it.

    It is checked that a conversation without a system message is rendered exactly as in training.
    """
    wanted = render(tokenizer, _PROBE, prompt=prompt)
    system = json.dumps(system_prompt(prompt))
    for opening in (_OWN_TURN, _FOLDED):
        # `{{ '' }}`: Jinja drops a line break after a block, but the template may begin with one.
        template = opening.replace("SYSTEM", system) + "{{ '' }}" + str(tokenizer.get_chat_template())
        if _applied(tokenizer, template) == wanted:
            return template
    raise InputError(
        f"the chat template of {tokenizer.name_or_path} cannot hold the system prompt, so a served "
        "model would get other prompts than in training; put a simpler `chat_template.jinja` into its folder"
    )


def _applied(tokenizer: "PreTrainedTokenizerBase", template: str) -> str | None:
    from jinja2 import TemplateError

    try:
        return str(
            tokenizer.apply_chat_template(
                _PROBE, chat_template=template, tokenize=False, add_generation_prompt=True
            )
        )
    except TemplateError:
        return None  # it does not support a system message; the caller tries the other form
