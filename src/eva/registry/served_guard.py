"""The guard in a registered model: the detector's files beside the weights, and how it is opened."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from eva.registry.package import Guard
from eva.safety.choice import detector_named
from eva.safety.guard import Ask, Message, Reply, guarded_reply

FOLDER = "guard"  # in the folder `data` of a registered model
_PROBE, _ENCODER = "probe", "encoder"
Guarded = Callable[[Sequence[Message], Ask], Reply]  # `guarded_reply` with its detector and referral


def store_guard(guard: Guard, root: Path, folder: Path) -> None:
    """Copy the files of the detector, and open them, so that no guard is stored that cannot be opened."""
    for part, name in ((guard.probe, _PROBE), (guard.encoder, _ENCODER)):
        if part is not None:
            shutil.copytree(root / part.path, folder / name)
    open_guard(folder, guard_config(guard))


def guard_config(guard: Guard) -> dict[str, str]:
    """What `open_guard` is told besides the files."""
    return {"detector": guard.detector, "referral": guard.referral}


def open_guard(folder: Path, config: Mapping[str, Any]) -> Guarded:
    """The guard whose files are in `folder`.

    Raises:
        InputError: files of the detector are missing, damaged, or do not fit each other.
    """
    detector = detector_named(config["detector"], folder / _PROBE, folder / _ENCODER)
    return partial(guarded_reply, detector=detector, referral=config["referral"])
