"""The forecast for given settings on this machine."""

from collections.abc import Sequence
from pathlib import Path

from eva.devices import decide
from eva.errors import raise_if
from eva.fit import advice, fit_table
from eva.fit.checking import comparison
from eva.fit.dvc_state import items_to_run
from eva.fit.forecast import Forecast, disk_of, gigabytes, lacking, memory_of
from eva.fit.inputs import Inputs
from eva.fit.items import costs
from eva.fit.room import Room, busy, room
from eva.fit.speeds import MeasuredSpeeds
from eva.fit.stage_cost import Format, StageCost
from eva.record.checkout import main_checkout
from eva.settings.params_file import Settings
from eva.settings.precision import Precision

_STORE = Path(".eva") / "fit"


def report(settings: Settings, root: Path, *, total_only: bool = False) -> str:
    """The table of forecasts, the total, and notes about the number formats and assumptions.

    Raises:
        InputError: something does not fit into memory or on the disk; names settings that would fit.
    """
    inputs, here, speeds = Inputs(settings, root), room(root), _speeds(root)
    to_run = items_to_run(root)
    forecasts = [_without_time(cost, speeds, here) for cost in costs(inputs, _formats, root)]
    run = fit_table.waiting(forecasts, to_run)
    raise_if(_problems(run, inputs, here, speeds, root), "this machine cannot hold what params.yaml asks for")
    forecasts = [_with_time(one, speeds, one in run) for one in forecasts]
    run = fit_table.waiting(forecasts, to_run)
    if total_only:
        return _total(run, here)
    lines = [fit_table.table(forecasts, to_run, not here.one_memory), "", _total(run, here), *_notes(inputs)]
    return "\n".join(lines)


def check(settings: Settings, root: Path) -> str:
    """What was forecast beside what the stages took here; an `InputError` where none has run."""
    here, speeds = room(root), _speeds(root)
    planned = costs(Inputs(settings, root), _formats, root)
    return comparison([_with_time(_without_time(cost, speeds, here), speeds, True) for cost in planned], root)


def _speeds(root: Path) -> MeasuredSpeeds:
    return MeasuredSpeeds(main_checkout(root) / _STORE)


def _formats(precision: Precision, where: str) -> Format:
    return decide(precision, f"{where}.precision").name


def _without_time(cost: StageCost, speeds: MeasuredSpeeds, here: Room) -> Forecast:
    return Forecast(cost, None, memory_of(cost, speeds.begun, here.one_memory), cost.device)


def _with_time(one: Forecast, speeds: MeasuredSpeeds, wanted: bool) -> Forecast:
    """The forecast with its time, which is measured only for items that would run."""
    cost = one.cost
    if not wanted or cost.unknown:
        return one
    seconds = sum(speeds.seconds(part, cost.precision or "fp32") for part in cost.everything)
    return Forecast(cost, seconds / _parallel(cost), one.memory, one.device)


def _parallel(cost: StageCost) -> int:
    """How many processes compute in parallel: at most the number of GPUs, since a CPU is shared."""
    import torch

    return max(1, min(cost.processes, torch.cuda.device_count()))


def _problems(
    run: Sequence[Forecast], inputs: Inputs, here: Room, speeds: MeasuredSpeeds, root: Path
) -> list[str]:
    found = []
    for one, lack in lacking(run, here):

        def fits(changed: Settings, name: str = one.name) -> bool:
            planned = costs(inputs.under(changed), _formats, root)
            tried = [_without_time(cost, speeds, here) for cost in planned if cost.name == name]
            return not list(lacking(tried, here))

        change = advice.settings_that_fit(one.cost.stage, inputs.settings, fits)
        remedy = (
            f"it fits with {change}" if change else "no setting of its section fits: use a smaller backbone"
        )
        found.append(f"{one.name} needs {lack}; {remedy}")
    needed = disk_of([one.cost for one in run])
    if needed > here.disk:
        found.append(_no_disk(needed, here.disk, [one.cost for one in run]))
    return found


def _no_disk(needed: float, free: float, run: Sequence[StageCost]) -> str:
    largest = max(run, key=lambda cost: cost.lasting + cost.passing)
    same = [cost for cost in run if cost.stage == largest.stage and cost.lasting]
    return (
        f"{gigabytes(needed)} of disk are needed, but {gigabytes(free)} are free; each of {len(same)} items "
        f"of {largest.stage} keeps {gigabytes(largest.lasting)} and needs {gigabytes(largest.passing)} more "
        "while it runs: use fewer rows of `matrix` or `variants`, a smaller backbone, or a larger disk"
    )


def _total(run: Sequence[Forecast], here: Room) -> str:
    if not run:
        return "everything is up to date: nothing would run"
    seconds = sum(one.seconds or 0.0 for one in run)
    peak = max(one.memory for one in run)
    needed = disk_of([one.cost for one in run])
    text = (
        f"about {fit_table.duration(seconds)} for {len(run)} items, at most {gigabytes(peak)} of "
        f"{gigabytes(here.memory)} free memory, {gigabytes(needed)} of {gigabytes(here.disk)} free disk"
    )
    if not busy():
        return text
    return f"{text}\n(other processes use the CPU now; the time is for this machine without them)"


def _notes(inputs: Inputs) -> list[str]:
    settings = inputs.settings
    where = {
        "sft": settings.sft.precision,
        "dpo": settings.dpo.precision,
        "generate": settings.generate.precision,
    }
    chosen = {f"{name}.precision": decide(value, f"{name}.precision") for name, value in where.items()}
    lines = [f"{key}: {one.name} ({one.reason})" for key, one in chosen.items()]
    return [*dict.fromkeys(lines), *(f"guessed: {what}" for what in sorted(inputs.guessed))]
