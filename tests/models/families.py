"""The rules of current chat templates, written again in short: what is special about each family.

`opening` is what a conversation begins with up to the first user text, `asked` what stands between
that text and the first answer, `closed` what ends an answer. `SYSTEM` stands for the system text.
"""

from dataclasses import dataclass

_CHATML_TURN = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"


@dataclass(frozen=True)
class Family:
    """One family: its special tokens and template, and what both make of a conversation."""

    template: str
    special: tuple[str, ...]
    opening: str
    asked: str
    closed: str
    bos: str | None = None
    eos: str | None = None
    plain: tuple[str, ...] = ()  # added tokens that are not special


FAMILIES = {
    # The clock; the system turn always stands, with the date in it.
    "llama_3_2": Family(
        "{{- bos_token }}{%- if not date_string is defined %}"
        "{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}"
        "{%- set system = '' %}{%- if messages[0].role == 'system' %}"
        "{%- set system = messages[0].content | trim %}{%- set messages = messages[1:] %}{%- endif %}"
        "{{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date_string + '\n\n' + system "
        "+ '<|eot_id|>' }}{%- for m in messages %}"
        "{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}"
        "{%- endfor %}{%- if add_generation_prompt %}"
        "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}",
        (
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\nSYSTEM"
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|eot_id|>",
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
    ),
    "qwen_2_5": Family(
        "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}"
        "{%- endif %}{%- for m in messages %}"
        "{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        "<|im_start|>system\nSYSTEM<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|>",
        eos="<|im_end|>",
    ),
    # Thoughts: dropped from finished turns, an empty one in the last turn and, turned off, in the prompt.
    "qwen_3": Family(
        "{%- set ns = namespace(last=-1) %}{%- for m in messages %}{%- if m.role == 'user' %}"
        "{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}{%- for m in messages %}"
        "{%- set content = m.content.split('</think>')[-1].lstrip('\n') %}"
        "{%- if m.role == 'assistant' and loop.index0 > ns.last %}"
        "{{- '<|im_start|>assistant\n<think>\n\n</think>\n\n' + content + '<|im_end|>\n' }}"
        "{%- else %}{{- '<|im_start|>' + m.role + '\n' + content + '<|im_end|>\n' }}{%- endif %}"
        "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
        "{%- if enable_thinking is defined and enable_thinking is false %}"
        "{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        "<|im_start|>system\nSYSTEM<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "<|im_end|>",
        eos="<|im_end|>",
        plain=("<think>", "</think>"),
    ),
    # No system role, and the assistant is called otherwise.
    "gemma_2": Family(
        "{{ bos_token }}{% if messages[0].role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
        "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim "
        "+ '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
        ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        "<bos><start_of_turn>user\nSYSTEM\n\n",
        "<end_of_turn>\n<start_of_turn>model\n",
        "<end_of_turn>",
        bos="<bos>",
        eos="<eos>",
    ),
    # Folds the system text by itself.
    "gemma_3": Family(
        "{{ bos_token }}{%- set first = '' -%}{%- if messages[0].role == 'system' -%}"
        "{%- set first = messages[0].content + '\n\n' -%}{%- set messages = messages[1:] -%}{%- endif -%}"
        "{%- for m in messages -%}"
        "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' "
        "+ (first if loop.first else '') + m.content | trim + '<end_of_turn>\n' }}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}",
        ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        "<bos><start_of_turn>user\nSYSTEM\n\n",
        "<end_of_turn>\n<start_of_turn>model\n",
        "<end_of_turn>",
        bos="<bos>",
        eos="<eos>",
        plain=("\n\n", "<table>"),
    ),
    # Moves the system text to the last user turn; `[INST]` is a control token.
    "mistral_v3": Family(
        "{%- set system = '' %}{%- if messages[0].role == 'system' %}"
        "{%- set system = messages[0].content + '\n\n' %}{%- set messages = messages[1:] %}{%- endif %}"
        "{{- bos_token }}{%- for m in messages %}{%- if m.role == 'user' %}"
        "{{- '[INST] ' + (system if loop.last else '') + m.content + '[/INST]' }}{%- else %}"
        "{{- ' ' + m.content | trim + eos_token }}{%- endif %}{%- endfor %}",
        ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"),
        "<s>[INST] SYSTEM\n\n",
        "[/INST] ",
        "</s>",
        bos="<s>",
        eos="</s>",
    ),
    # A suffix behind the whole conversation, which ends no turn.
    "phi_3": Family(
        "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
        ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        "<|system|>\nSYSTEM<|end|>\n<|user|>\n",
        "<|end|>\n<|assistant|>\n",
        "<|end|>",
        eos="<|endoftext|>",
    ),
    "phi_4": Family(
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
        ("<|endoftext|>", "<|im_start|>", "<|im_sep|>", "<|im_end|>"),
        "<|im_start|>system<|im_sep|>SYSTEM<|im_end|><|im_start|>user<|im_sep|>",
        "<|im_end|><|im_start|>assistant<|im_sep|>",
        "<|im_end|>",
        bos="<|endoftext|>",
        eos="<|im_end|>",
    ),
    "smollm_2": Family(
        "{% for m in messages %}{% if loop.first and m.role != 'system' %}"
        "{{ '<|im_start|>system\nYou are SmolLM.<|im_end|>\n' }}{% endif %}"
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        "<|im_start|>system\nSYSTEM<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|>",
        bos="<|im_start|>",
        eos="<|im_end|>",
    ),
    # The clock, and a mode of reasoning that is written into the system turn and into every answer.
    "smollm_3": Family(
        "{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}"
        "{%- set thought = '' if enable_thinking else '<think>\n\n</think>\n' -%}"
        "{%- set own = '' -%}{%- if messages[0].role == 'system' -%}{%- set own = messages[0].content -%}"
        "{%- set messages = messages[1:] -%}{%- endif -%}"
        "{{ '<|im_start|>system\nToday Date: ' + strftime_now('%d %B %Y') + '\nReasoning Mode: ' "
        "+ ('/think' if enable_thinking else '/no_think') + '\n\n' + own + '<|im_end|>\n' }}"
        "{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
        "{{ '<|im_start|>assistant\n' + thought + m.content + '<|im_end|>\n' }}{%- else -%}"
        "{{ '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}{%- endif -%}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' + thought }}{%- endif -%}",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        "<|im_start|>system\nToday Date: 26 July 2024\nReasoning Mode: /no_think\n\nSYSTEM<|im_end|>\n"
        "<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n",
        "<|im_end|>",
        eos="<|im_end|>",
        plain=("<think>", "</think>"),
    ),
    # The clock where no system message is given.
    "granite_3": Family(
        "{%- if messages[0].role == 'system' %}{%- set system = messages[0].content %}"
        "{%- set messages = messages[1:] %}{%- else %}"
        "{%- set system = 'Today is ' + strftime_now('%B %d, %Y') %}{%- endif %}"
        "{{- '<|start_of_role|>system<|end_of_role|>' + system + '<|end_of_text|>\n' }}"
        "{%- for m in messages %}"
        "{{- '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\n' }}"
        "{%- endfor %}{%- if add_generation_prompt %}"
        "{{- '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif %}",
        ("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"),
        "<|start_of_role|>system<|end_of_role|>SYSTEM<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>",
        "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
        "<|end_of_text|>",
        bos="<|end_of_text|>",
        eos="<|end_of_text|>",
    ),
    # Writes a line break behind each answer but the last.
    "olmo_2": Family(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}"
        "{{ '<|assistant|>\n' + m.content + eos_token + ('' if loop.last else '\n') }}{% else %}"
        "{{ '<|' + m.role + '|>\n' + m.content + '\n' }}{% endif %}"
        "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}",
        ("<|endoftext|>", "<|pad|>"),
        "<|endoftext|><|system|>\nSYSTEM\n<|user|>\n",
        "\n<|assistant|>\n",
        "<|endoftext|>",
        bos="<|endoftext|>",
        eos="<|endoftext|>",
    ),
}
