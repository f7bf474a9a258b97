"""Scores, responses and training files of an invented study, small and with known effects."""

import random
from functools import cache
from pathlib import Path
from typing import Any

from tests.recorded import RecordedScorers

from eva.artifacts import write_json, write_jsonl, write_text
from eva.data.dialogue import quartile
from eva.data.responses import Response
from eva.metrics.score import ScoreResult, score
from eva.metrics.score_writer import write_scores
from eva.scorers.reference import LevelledTurn, Reference, reference_from_levels
from eva.scorers.scorecard import scorecard
from eva.settings.evaluate_section import Evaluate

VARIANTS = ("base", "cot", "wo_acq", "wo_ali", "eva")
FAMILIES = ("overlap", "diversity", "length", "epitome", "evaeval", "defect", "response_type", "repetition")
SETTINGS = Evaluate(metrics=list(FAMILIES), bootstrap=3999, confidence=0.95, ngram=4)
DIALOGUES, TURNS = 24, 8
_HUMAN = (
    *("what", "happened", "next", "that", "must", "have", "been", "hard", "for", "you", "and", "your"),
    *("sister", "at", "the", "old", "house"),
)
_PHRASE = {
    "cot": "you should try to talk to them",
    "base": "you should try to talk to them",
    "eva": "i hear you and it sounds",
}


def reference() -> Reference:
    turns = [
        LevelledTurn(f"r{d}", t, TURNS, quartile(t, TURNS)) for d in range(40) for t in range(1, TURNS + 1)
    ]
    return reference_from_levels(turns, {"labeller": "invented"})


def rows(variant: str, seed: int) -> list[Response]:
    """`eva` repeats half of the human words, the others few; `cot` equals `base` but for one word."""
    found = []
    for number in range(DIALOGUES):
        for turn in range(1, TURNS + 1):
            draw = random.Random(f"{variant if variant != 'cot' else 'base'} {seed} {number} {turn}")
            human = draw.sample(_HUMAN, 8)
            shared = 6 if variant in {"eva", "wo_ali"} else 2
            words = [*human[:shared], *(f"word{draw.randrange(30)}" for _ in range(4))]
            said = f"{_PHRASE.get(variant, 'I am here')} {' '.join(words)}"
            found.append(
                Response(
                    f"esconv-{number}",
                    turn,
                    TURNS,
                    ({"role": "user", "content": f"Something about <b>day {turn}</b> & the house."},),
                    said + (" indeed" if variant == "cot" and number == 0 else ""),
                    " ".join(human),
                    {"emotion": "sadness"},
                    quartile(turn, TURNS),
                )
            )
    return found


def labels(variant: str, responses: list[Response]) -> RecordedScorers:
    """`eva` follows the reference, the others mostly go the other way; all give each level equally often."""
    return RecordedScorers.from_rows(
        [
            {
                "dialogue_id": row.dialogue_id,
                "turn": row.turn,
                "level": row.quartile if variant == "eva" or row.turn % 3 == 0 else 5 - row.quartile,
                "ip": 2 if variant == "eva" else 0,
                "ex": row.turn % 3,
                "er": 1,
            }
            for row in responses
        ]
    )


@cache
def scored(variant: str, seed: int, corpus: str = "esconv", backbone: str = "tiny") -> ScoreResult:
    responses = rows(variant, seed)
    origin = {"corpus": corpus, "backbone": backbone, "seed": seed, "variant": variant, "model": "digest-1"}
    return score(
        responses,
        FAMILIES,
        settings=SETTINGS,
        scorers=labels(variant, responses),
        reference=reference(),
        provenance=origin,
    )


def card() -> dict[str, Any]:
    import numpy as np

    truth = [0] * 6 + [1] * 4
    likely = np.array([[0.8, 0.2]] * 5 + [[0.3, 0.7]] * 5)
    return scorecard(likely, truth, ["none", "some"], evidence="5 folds by dialogue", seeds=[0]).to_dict()


def write_study(folder: Path, seeds: tuple[int, ...] = (1,), variants: tuple[str, ...] = VARIANTS) -> Path:
    """All folders that `gather` reads, below `folder`."""
    for seed in seeds:
        for variant in variants:
            item = f"esconv-tiny-{seed}-{variant}"
            write_scores(folder / "scores" / f"{item}.json", scored(variant, seed))
            rows_of = [row.to_dict() for row in rows(variant, seed)]
            write_jsonl(make(folder / "responses" / f"{item}.jsonl"), rows_of)
            trained = {"sft": variant in {"wo_ali", "eva"}, "dpo": variant in {"wo_acq", "eva"}}
            for stage, does in trained.items():
                curve = [f"{step},{3 / step + 1:.4f}" for step in range(1, 21)] if does else []
                write_text(folder / "plots" / stage / f"{item}.csv", "\n".join(["step,loss", *curve]) + "\n")
                write_json(folder / "metrics" / stage / f"{item}.json", {"trained": int(does), "loss": 1.15})
    reference().write(folder / "levels" / "reference.json")
    evidence = {"five": card(), "four": card()}
    levels = {"cross_validated": evidence, "test": None, "test_all": None, "test_turns": None, "timing": None}
    write_json(folder / "levels" / "scorecard.json", levels)
    write_json(folder / "epitome" / "ip" / "scorecard.json", {"cross_validated": card(), "test": card()})
    return folder


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
