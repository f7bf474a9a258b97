"""Is a model better than another one, beyond noise, and nowhere worse by more than a margin?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eva.data.responses import check_same_turns
from eva.errors import InputError
from eva.metrics.compare import Difference, differences, judge
from eva.metrics.measured import Measured
from eva.registry.gate_decision import Check
from eva.registry.promotion import SCORED, Margin, PromotionPolicy
from eva.registry.standing import Standing
from eva.statistics.bootstrap import Resampling
from eva.statistics.verdicts import FEWEST_DIALOGUES, WORDS


def rival_checks(policy: PromotionPolicy, ours: Standing, theirs: Standing) -> Iterator[Check]:
    """The checks of `better` and `not_worse` against one other model."""
    scored = [*policy.better, *(name for name in policy.not_worse if name.startswith(SCORED))]
    names = [name.removeprefix(SCORED) for name in scored]
    if faults := list(_incomparable(names, ours, theirs)):
        yield from (Check(f"comparable with {theirs.name}", False, fault) for fault in faults)
        return
    found = _differences(names, ours, theirs) if names else {}
    wanted = [found[name] for one in policy.better if (name := one.removeprefix(SCORED)) in found]
    # One family: Holm's correction counts every metric on which the policy wants an improvement.
    confidence = _resampling(ours).confidence if names else 0.95
    judged = {one.metric: one for one in judge([[replace(one, table=None) for one in wanted]], confidence)[0]}
    for name in policy.better:
        yield _better(name, judged.get(name.removeprefix(SCORED)), theirs)
    for name, margin in policy.not_worse.items():
        if name.startswith(SCORED):
            yield _not_worse(name, found.get(name.removeprefix(SCORED)), margin, theirs)
        else:
            yield _no_loss(name, margin, ours, theirs)


def _resampling(ours: Standing) -> Resampling:
    return next(iter(ours.scores.values())).resampling


def _incomparable(names: Sequence[str], ours: Standing, theirs: Standing) -> Iterator[str]:
    """Why the two must not be compared."""
    if not names:
        return
    missing = [one.name for one in (ours, theirs) if not one.scores]
    if missing:
        yield f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no scores"
        return
    every = [*ours.scores.values(), *theirs.scores.values()]
    first = every[0]
    try:
        for one in every[1:]:
            check_same_turns(first.measured.turns, one.measured.turns, (ours.name, theirs.name))
    except InputError as error:
        yield str(error)
    if any(one.provenance.get("scorers") != first.provenance.get("scorers") for one in every):
        yield (
            f"{ours.name} and {theirs.name} were scored by different scorers: run the settings of "
            f"{theirs.name} with the present scorers and push it again, which keeps its version"
        )
    changed = [
        name
        for name in names
        if len({one.metrics[name].about.definition for one in every if name in one.metrics}) > 1
    ]
    if changed:
        yield f"{', '.join(changed)}: defined otherwise for {theirs.name}"


def _differences(names: Sequence[str], ours: Standing, theirs: Standing) -> dict[str, Difference]:
    mine, other = ([_only(one.measured, names) for one in side.scores.values()] for side in (ours, theirs))
    found = differences(
        mine,
        other,
        _resampling(ours),
        names=(ours.name, theirs.name),
        same_seeds=ours.scores.keys() == theirs.scores.keys(),
    )
    return {one.metric: one for one in found}


def _only(measured: Measured, names: Sequence[str]) -> Measured:
    held = [name for name in dict.fromkeys(names) if name in measured.statistics]
    return replace(
        measured,
        statistics={name: measured.statistics[name] for name in held},
        about={name: measured.about[name] for name in held},
    )


def _better(name: str, found: Difference | None, theirs: Standing) -> Check:
    label = f"better than {theirs.name}: {name}"
    if found is None or not found.measured:
        return Check(label, False, f"{name} was not measured of both, so nobody knows whether it is better")
    if found.higher_is_better is None:
        return Check(label, False, f"{name} has no better direction; take it out of `better`")
    if found.verdict is None:
        return Check(label, False, f"{_told(name, found, theirs)}: {_too_few(found)}")
    said = WORDS[found.verdict]
    return Check(label, found.better == "ours", f"{_told(name, found, theirs)}: {said}")


def _not_worse(name: str, found: Difference | None, margin: Margin, theirs: Standing) -> Check:
    label = f"not worse than {theirs.name}: {name}"
    if found is None or not found.measured or found.ci is None:
        return Check(label, False, f"{name} was not measured of both, so nobody knows whether it is worse")
    higher = found.higher_is_better if margin.higher_is_better is None else margin.higher_is_better
    if higher is None:
        return Check(label, False, f"{name} has no better direction; give `higher_is_better` in the policy")
    if found.n_dialogues < FEWEST_DIALOGUES:
        return Check(label, False, f"{_told(name, found, theirs)}: {_too_few(found)}")
    loss = -found.ci[0] if higher else found.ci[1]
    said = f"it may be worse by {max(loss, 0.0):.4g}, at most {margin.margin:g} is tolerated"
    return Check(label, loss <= margin.margin, f"{_told(name, found, theirs)}: {said}")


def _no_loss(name: str, margin: Margin, ours: Standing, theirs: Standing) -> Check:
    """Of a metric that is one number for each model, without values by dialogue."""
    label = f"not worse than {theirs.name}: {name}"
    mine, other = ours.values.get(name), theirs.values.get(name)
    if mine is None or other is None:
        lacking = ours.name if mine is None else theirs.name
        return Check(label, False, f"{name} was not measured of {lacking}")
    loss = other - mine if margin.higher_is_better else mine - other
    said = f"{name} is {mine:.4g}, {theirs.name} has {other:.4g}: "
    return Check(
        label, loss <= margin.margin, f"{said}worse by {max(loss, 0.0):.4g}, {margin.margin:g} is tolerated"
    )


def _told(name: str, found: Difference, theirs: Standing) -> str:
    interval = "no interval" if found.ci is None else f"[{found.ci[0]:+.4f}, {found.ci[1]:+.4f}]"
    p = "" if found.p_adjusted is None else f", p {found.p_adjusted:.3f}"
    return f"{name} is {found.ours:.4f}, {theirs.name} has {found.theirs:.4f} (difference {interval}{p})"


def _too_few(found: Difference) -> str:
    return (
        f"{found.n_dialogues} dialogues are too few to tell a difference from noise, {FEWEST_DIALOGUES} are "
        "needed"
    )
