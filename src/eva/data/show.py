"""A corpus as text for the terminal: its statistics, and a dialogue with the trained tokens marked."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from eva.data.dialogue import Preference, quartile
from eva.data.prepare import REASONS
from eva.text_columns import align

_IGNORED = -100
_OPEN, _CLOSE = "[[", "]]"


class Decoder(Protocol):
    """A tokenizer, of which only `decode` is needed."""

    def decode(self, token_ids: list[int]) -> str: ...


def corpus_summary(statistics: Mapping[str, Any]) -> str:
    """The statistics of a prepared corpus (its `statistics.json`) as aligned lines."""
    splits: Mapping[str, Any] = statistics["splits"]
    rows = [["", *splits]]
    rows.append(["dialogues read", *(_number(split["read"]["dialogues"]) for split in splits.values())])
    rows += [
        [f"  dropped: {reason.replace('_', ' ')}", *(_number(s["dropped"][reason]) for s in splits.values())]
        for reason in REASONS
    ]
    for key in ("dialogues", "utterances", "turns", "supporter_turns", "median_turns", "max_turns"):
        rows.append([key.replace("_", " "), *(_number(split[key]) for split in splits.values())])
    for name in sorted({name for split in splits.values() for name in split["strategies"]}):
        rows.append([f"  {name}", *(_number(split["strategies"].get(name, 0)) for split in splits.values())])
    title = f"{statistics['corpus']} ({statistics['format']})"
    return "\n".join([title, *align(rows), *_level_lines(statistics["weak_levels"])])


def pair_summary(pairs: Sequence[Preference], fits: Mapping[int, Sequence[int]]) -> str:
    """One line per pair as aligned columns: place, levels, whether each fits its quartile, words, source."""
    rows = [["pair", "turn", "quartile", "chosen", "rejected", "words", "words", "source"]]
    for pair in pairs:
        quarter = quartile(pair.turn, pair.n_turns)
        rows.append(
            [
                pair.id,
                f"{pair.turn} of {pair.n_turns}",
                str(quarter),
                _fit(pair.chosen_level, fits[quarter]),
                _fit(pair.rejected_level, fits[quarter]),
                str(len(pair.chosen.split())),
                str(len(pair.rejected.split())),
                pair.source,
            ]
        )
    return "\n".join(align(rows))


def _fit(level: int | None, fitting: Sequence[int]) -> str:
    if level is None:
        return "unknown"
    return f"level {level}, {'fits' if level in fitting else 'no fit'}"


def rendered_example(tokens: Sequence[int], labels: Sequence[int], tokenizer: Decoder) -> str:
    """The text of `tokens`, with `[[ ]]` around the parts that the loss covers (labels other than -100)."""
    if len(tokens) != len(labels):
        raise ValueError(f"{len(tokens)} tokens but {len(labels)} labels")
    text, covered = "", False
    run: list[int] = []
    for token, label in zip(tokens, labels, strict=True):
        if (label != _IGNORED) != covered:
            text += _marked(tokenizer.decode(run), covered)
            run, covered = [], not covered
        run.append(token)
    return text + _marked(tokenizer.decode(run), covered)


def _marked(text: str, covered: bool) -> str:
    return f"{_OPEN}{text}{_CLOSE}" if covered else text


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _level_lines(levels: Mapping[str, Any]) -> list[str]:
    if not any(map(sum, levels["counts"].values())):
        return []
    lines = ["weak levels of train by quartile of the dialogue"]
    for level, shares in levels["shares"].items():
        shown = "  ".join(f"{share:.2f}" for share in shares)
        lines.append(f"  level {level}: {shown}  of {sum(levels['counts'][level])}")
    return lines
