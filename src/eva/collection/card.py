"""The dataset card of a preference set."""

from collections.abc import Mapping
from typing import Any

from eva.collection.set_tables import table_7

_MACHINE = (
    "**Machine-made: no person ranked these pairs.** Which response is the better one was said by {ranker}. "
    "A model that is aligned on them learns what that machine prefers; results that are also measured by it "
    "are circular. Every record says `MachineMade: true`."
)
_PEOPLE = (
    "People ranked the candidates; a record says by how many (`Annotators`) and how many were `Against` the "
    "majority. Items with low agreement are left out."
)
FIELDS = {
    "ID": "dialogue's position in the corpus and number of the supporter turn",
    "History": "the dialogue before the turn",
    "Chosen": "the better response",
    "Rejected": "the worse response",
    "ChosenLevel": "level of emotional validation of the better response, 1 to 4",
    "RejectedLevel": "level of the worse response",
    "Source": "who ranked, and whether a person wrote a side",
    "MachineMade": "whether a machine ranked",
    "Ranker": "who ranked, by name and digest",
    "Annotators": "number of annotators",
    "Against": "annotators against the majority",
    "ChosenBy": "who wrote the better response: a model, or human",
    "RejectedBy": "who wrote the worse response",
    "Dialogue": "id of the dialogue in the corpus",
    "Turn": "number of the supporter turn, from 1",
    "Turns": "supporter turns of the dialogue",
    "Split": "train or valid, as in the corpus",
}


def dataset_card(name: str, statistics: Mapping[str, Any]) -> str:
    """Markdown with a YAML header, as the hub's dataset cards."""
    made = statistics["made"]
    who = _MACHINE.format(ranker=f"`{made['ranker']}`") if made["machine_made"] else _PEOPLE
    fields = "\n".join(f"| `{key}` | {what} |" for key, what in FIELDS.items())
    origin = "\n".join(f"| {key} | `{value}` |" for key, value in sorted(made.items()))
    dropped = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in statistics["left_out"].items())
    words = statistics["mean_words"]
    return f"""---
license: other
language: en
task_categories: [text-generation]
tags: [preference, dpo, empathetic-dialogue, emotional-validation{", machine-made" * made["machine_made"]}]
---
# {name}

Preference pairs for emotional validation alignment, made as Appendix E of the EVA paper describes EVAD.
For research only. The dialogues are those of the corpus, under its licence: do not publish what it does not
allow.

{who}

## Counts (the paper's Table 7 beside ours)

{table_7(statistics["splits"])}

Words: chosen {words["chosen"]:g}, rejected {words["rejected"]:g} in the mean. Pairs of one level:
{statistics["same_level"]}. Left out: {dropped or "nothing"}.

`levels.svg` shows which levels were chosen in each quartile of the dialogue, as Figure 4 does (the paper
prints no numbers of it).

## Fields of `EVAD.json`

| field | what |
|---|---|
{fields}

`levels.jsonl` holds responses with levels for `data.levels`, `reference.json` the chosen levels by quartile.

## How it was made

| | |
|---|---|
{origin}
"""
