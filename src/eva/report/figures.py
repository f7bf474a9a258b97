"""Figures of the page as inline SVG: no script, no further file, equal bytes for equal numbers.

Colours are Okabe and Ito's, which colour-blind readers can distinguish. Figures are narrow, so that their
text is legible on a phone; a wide screen shows two side by side.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any

from eva.metrics.phrases import Phrase
from eva.metrics.type_phrases import TYPE_NAMES
from eva.report.inputs import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, SKY, VERMILION = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
)
BLACK, GREY, LINE = "#1d2530", "#59636f", "#d8dde3"
PALETTE = (GREY, SKY, ORANGE, GREEN, BLUE, PINK, VERMILION)
_WIDTH, _NARROW = 5.0, 4.2  # inches; three narrow ones fit in a row
_LABEL, _PHRASE = 18, 26  # characters per line of a bar's name: of a class, of a phrase
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "eva",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": BLACK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@contextmanager
def _canvas(rows: int, columns: int, height: float, width: float = _WIDTH) -> Iterator[tuple["Figure", Any]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, squeeze=False)


def _svg(figure: "Figure", label: str) -> str:
    """The figure as an SVG element that scales to its box; `label` is for screen readers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    return re.sub(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>", _opening(label), text, count=1)


def _opening(label: str) -> str:
    safe = label.replace("&", "and").replace('"', "'").replace("<", "").replace("\\", "/")
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return rf'<svg viewBox="\1" role="img" aria-label="{safe}" {spaces}>'


def level_profile(
    variant: str, system: Mapping[str, Sequence[float]], reference: Mapping[str, Sequence[float]]
) -> str:
    """Figure 4: shares of each level over the quartiles, of the system (bars) and of V (line)."""
    quartiles = [1, 2, 3, 4]
    with _canvas(2, 2, 3.6, width=_NARROW) as (figure, axes):
        for axis, level in zip(axes.flat, ("1", "2", "3", "4"), strict=True):
            axis.bar(quartiles, system[level], width=0.7, color=SKY, label="this variant (T)")
            axis.plot(
                quartiles,
                reference[level],
                "o-",
                color=BLACK,
                mfc="white",
                clip_on=False,
                label="reference (V)",
            )
            axis.set(ylim=(0, 1), yticks=[0, 0.5, 1], xticks=quartiles)
            axis.set_title(f"Level {level}" + ("" if any(system[level]) else " (never)"))
        figure.supxlabel("quartile of the dialogue", fontsize=10, color=GREY)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
        return _svg(figure, f"Shares of the four levels over the quartiles of the dialogue for {variant}")


def response_types(shares: Mapping[str, Mapping[str, float]]) -> str:
    """Figures 3 and 7: percent of responses of each type, by variant."""
    names = [f"{name} ({key.upper()})" for key, name in TYPE_NAMES.items()]
    with _canvas(1, 1, 0.6 + 0.72 * len(names)) as (figure, axes):
        _grouped_bars(axes[0][0], names, {v: [row[key] for key in TYPE_NAMES] for v, row in shares.items()})
        axes[0][0].set_xlabel("percent of responses")
        _legend(figure, axes[0][0], len(shares))
        return _svg(figure, "Response types by variant, in percent of responses")


def repetition(shares: Mapping[str, Mapping[str, float]]) -> str:
    """Figures 6, 10 and 11: percent of dialogues that repeat the most frequent phrases, by variant."""
    thresholds = sorted({key for row in shares.values() for key in row}, key=int)
    names = [f"in more than {key} % of turns" for key in thresholds]
    with _canvas(1, 1, 0.7 + 1.0 * len(names)) as (figure, axes):
        _grouped_bars(axes[0][0], names, {v: [row[key] for key in thresholds] for v, row in shares.items()})
        axes[0][0].set_xlabel("percent of dialogues")
        _legend(figure, axes[0][0], len(shares))
        return _svg(figure, "Dialogues that repeat a frequent phrase, by variant, in percent")


def stacked_shares(shares: Mapping[str, Sequence[float]], labels: Sequence[str]) -> str:
    """Figure 5: percent of ratings by label, one bar per criterion."""
    colours = {2: (BLUE, ORANGE), 3: (BLUE, LINE, ORANGE)}[len(labels)]
    names, left = list(shares), [0.0] * len(shares)
    with _canvas(1, 1, 0.9 + 0.5 * len(names)) as (figure, axes):
        axis = axes[0][0]
        for place, (label, colour) in enumerate(zip(labels, colours, strict=True)):
            widths = [shares[name][place] for name in names]
            bars = axis.barh(range(len(names)), widths, 0.7, left, color=colour, label=label)
            axis.bar_label(bars, fmt="%.0f", label_type="center", fontsize=9, color=BLACK)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        _name_bars(axis, names, _LABEL)
        axis.set(xlabel="percent of ratings", xlim=(0, 100))
        _legend(figure, axis, len(labels))
        return _svg(figure, "Ratings by criterion, in percent")


def level_shares(shares: Mapping[str, Sequence[float]]) -> str:
    """Figure 4: percent of the chosen responses of each quartile that have each level, in groups of bars."""
    with _canvas(1, 1, 2.6) as (figure, axes):
        axis = axes[0][0]
        width = 0.8 / len(shares)
        for place, (name, values) in enumerate(shares.items()):
            starts = [quarter + (place - (len(shares) - 1) / 2) * width for quarter in range(1, 5)]
            axis.bar(starts, values, width, color=(SKY, ORANGE, GREEN, BLUE)[place], label=name)
        axis.set(xlabel="quartile of the dialogue", ylabel="percent of chosen", xticks=[1, 2, 3, 4])
        _legend(figure, axis, len(shares))
        return _svg(figure, "Levels of chosen responses by quartile, in percent")


def top_phrases(phrases: Sequence[Phrase], limit: float) -> str:
    """Figure 2: percent of responses with each of the most frequent phrases; the axis ends at `limit`."""
    with _canvas(1, 1, 0.7 + 0.34 * len(phrases), width=_NARROW) as (figure, axes):
        axis = axes[0][0]
        bars = axis.barh(range(len(phrases)), [one.response_share for one in phrases], height=0.7, color=BLUE)
        axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=9, color=GREY)
        _name_bars(axis, [one.phrase for one in phrases], _PHRASE)
        axis.set(xlabel="percent of responses", xlim=(0, limit))
        return _svg(figure, "Share of responses that have each of the most frequent phrases")


def repeated_phrases(phrases: Sequence[Phrase]) -> str:
    """Figures 6, 10, 11: percent of dialogues with a phrase in more than 10, 20, 30 % of the turns."""
    values = {
        "over 10 %": [one.over_10 for one in phrases],
        "over 20 %": [one.over_20 for one in phrases],
        "over 30 %": [one.over_30 for one in phrases],
    }
    with _canvas(1, 1, 1.0 + 0.55 * len(phrases), width=_NARROW) as (figure, axes):
        axis = axes[0][0]
        _grouped_bars(axis, [one.phrase for one in phrases], values, (BLUE, ORANGE, GREEN), _PHRASE)
        axis.set(xlabel="percent of dialogues", xlim=(0, 100))
        _legend(figure, axis, 3)
        return _svg(figure, "Dialogues in which a phrase is in over 10, 20 and 30 percent of the turns")


def _grouped_bars(
    axis: Any,
    names: Sequence[str],
    values: Mapping[str, Sequence[float]],
    colours: Sequence[str] = PALETTE,
    label: int = _LABEL,
) -> None:
    thickness = 0.8 / max(len(values), 1)
    for order, (variant, row) in enumerate(values.items()):
        places = [place + (order - (len(values) - 1) / 2) * thickness for place in range(len(names))]
        axis.barh(places, row, height=thickness * 0.9, color=colours[order % len(colours)], label=variant)
    _name_bars(axis, names, label)


def _name_bars(axis: Any, names: Sequence[str], width: int) -> None:
    size = 9 if width == _PHRASE else 10
    axis.set_yticks(range(len(names)), [fill(name, width) for name in names], fontsize=size)
    axis.invert_yaxis()
    axis.set_axisbelow(True)
    axis.grid(axis="x", color=LINE, linewidth=0.8)
    axis.tick_params(axis="y", length=0)


def _legend(figure: "Figure", axis: Any, entries: int) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(entries, 5), handlelength=1.2)


def curves(stage: str, courses: Sequence[Curve]) -> str:
    """Training loss by step."""
    several = len({course.item.seed for course in courses}) > 1
    with _canvas(1, 1, 3.2) as (figure, axes):
        axis = axes[0][0]
        for order, course in enumerate(courses):
            points = [(row["step"], row["loss"]) for row in course.rows if "loss" in row]
            name = course.item.variant + (f", seed {course.item.seed}" if several else "")
            # Curves of variants that share a training coincide, so later ones are thinner and dashed.
            style = {"linewidth": 3.2, "alpha": 0.75} if order == 0 else {"linewidth": 1.6, "linestyle": "--"}
            colour = (SKY, VERMILION, GREEN, PINK, ORANGE, GREY)[order % 6]
            axis.plot(*zip(*points, strict=True), color=colour, label=name, **style)
        axis.set(xlabel="step", ylabel="loss")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(axis="y", color=LINE, linewidth=0.8)
        axis.legend()
        return _svg(figure, f"Training loss of {stage} by step")
