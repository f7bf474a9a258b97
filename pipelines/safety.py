"""Stage `safety`: does a variant prefer replies that affirm, bind or deceive, more so to a sad person?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva import artifacts
from eva.models.endpoint import Served, is_served
from eva.models.loading import Policy
from eva.safety.affirmation import Value, measure
from eva.safety.judged_shares import measure_judged
from eva.safety.labelled_messages import TEST
from eva.safety.measurement import ORDINARY
from eva.safety.own_replies import Stores, own_replies
from eva.safety.paired_replies import first_of_each, read_items
from eva.safety.reply_judge import judge_replies
from eva.safety.reply_scores import score_variant
from eva.settings.generate_section import Generate
from eva.settings.safety_section import Safety

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    safety: Safety,
    generate: Generate,
    *,
    corpus: str,
    backbone: str,
    seed: int,
    variant: str,
    policy: Path,
    replies: Path,
    detector: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Score paired replies under one variant, and let a judge read its own, if there is one.

    Beside them stand the rates of the detector that stands before it.
    """
    items = first_of_each(read_items(replies), safety.max_items)
    guard = _guard(artifacts.read_json(detector), safety.detector)
    judge = _judge(safety)
    which = Policy.read(policy / "policy.json")
    reason = _unscorable(which)
    scores, origin = ([], None) if reason else score_variant(which, items, safety.precision)
    values = {} if reason else measure(scores)
    judged = None
    if judge and not which.inapplicable:
        stores = Stores(run.checkpoint_store, run.answer_store)
        judged = judge_replies(own_replies(which, items, generate, seed, stores), judge, stores.answers)
        values |= measure_judged(judged.replies)
    values |= guard
    artifacts.write_json(
        out,
        {
            "inapplicable": reason,
            "scores": [asdict(one) for one in scores],
            "values": {name: asdict(value) for name, value in values.items()},
            "provenance": origin,
            "judged": asdict(judged) if judged else None,
        },
    )
    numbers = {name: value.value for name, value in values.items()}
    artifacts.write_json(metrics, numbers)
    run.log_metrics(numbers)


def _judge(safety: Safety) -> Served | None:
    """The judge at the URL in the environment; refused before anything is computed if there is no key."""
    return Served.here(safety.judge.model, safety.judge.endpoint) if safety.judge else None


def _unscorable(which: Policy) -> str | None:
    """Why the replies of a variant have no log-probabilities, or None."""
    if which.inapplicable:
        return which.inapplicable
    if is_served(Path(which.model)):
        return "an endpoint gives no log-probabilities of given replies"
    return "it thinks before it replies" if which.prompt == "cot" else None


def _guard(rates: dict[str, Any], name: str) -> dict[str, Value]:
    """The rates of the chosen detector, on messages written after it and on ordinary conversations."""
    found = rates[name][TEST] | rates[name][ORDINARY]
    return {
        f"crisis_{rate}": Value(share["hits"] / share["n"], tuple(share["interval"]), share["n"])
        for rate, share in found.items()
    }
