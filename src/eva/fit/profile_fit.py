"""The machine that a profile needs: GPU, memory, disk and hours, computed without that machine."""

from pathlib import Path

from eva.fit import fit_table
from eva.fit.cards import CARDS, Card, smallest
from eva.fit.forecast import Forecast, disk_of, gigabytes
from eva.fit.inputs import Inputs
from eva.fit.items import costs
from eva.fit.stage_cost import Format, StageCost
from eva.settings.params_file import Settings
from eva.settings.precision import Precision

_HELD = 1.3e9  # CUDA's own context and libraries on a card


def report(name: str, settings: Settings, root: Path) -> str:
    """A table for the smallest GPU that can run the profile, and the hours on other GPUs."""
    inputs = Inputs(settings, root)
    planned = costs(inputs, _formats, root)
    needed = max(cost.device for cost in planned) + _HELD
    processes = max(cost.processes for cost in planned)
    card = smallest(needed)
    lines = [f"profile {name}: {_needs(needed, processes, card)}"]
    forecasts = [_on(card or CARDS[-1], cost) for cost in planned]
    lines += ["", fit_table.table(forecasts, None, True), ""]
    lasting = sum(cost.lasting for cost in planned)
    lines += [f"disk: {gigabytes(disk_of(planned))} at most, {gigabytes(lasting)} at the end"]
    lines += [_hours(planned, processes, needed)]
    lines += [f"unknown: {text}" for text in sorted({cost.unknown for cost in planned if cost.unknown})]
    lines += [f"guessed: {what}" for what in sorted(inputs.guessed)]
    return "\n".join(lines)


def _formats(precision: Precision, where: str) -> Format:
    return "fp32" if precision == "fp32" else "bf16"


def _on(card: Card, cost: StageCost) -> Forecast:
    if cost.unknown:
        return Forecast(cost, None, 0.0, cost.device)
    seconds = sum(card.seconds(part, cost.precision or "fp32", cost.processes) for part in cost.everything)
    return Forecast(cost, seconds, 0.0, cost.device + (_HELD if cost.device else 0.0))


def _needs(needed: float, processes: int, card: Card | None) -> str:
    many = f"{processes} GPUs with " if processes > 1 else ""
    each = " each" if processes > 1 else ""
    found = f"the smallest known is {card.name}" if card else "no known GPU has that much"
    return f"{many}{gigabytes(needed)} of device memory{each}; {found}"


def _hours(planned: list[StageCost], processes: int, needed: float) -> str:
    told = [
        f"{fit_table.duration(sum(_on(card, cost).seconds or 0.0 for cost in planned))} on {card.name}"
        for card in CARDS
        if card.memory >= 1.1 * needed
    ]
    many = f" ({processes} of them)" if processes > 1 else ""
    return f"time{many}, assuming a share of the GPUs' peak rates: {'; '.join(told) or 'unknown'}"
