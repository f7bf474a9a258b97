"""How a flow run tells a stage that other hosts share its training; flows and trainings both read this."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Self

VARIABLE = "EVA_MEETING"


@dataclass(frozen=True)
class Meeting:
    """So many hosts meet at `address` (host:port) of the first.

    When that one begins to train, it leaves the commands of the others in the file `commands`.
    """

    hosts: int
    address: str
    commands: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a stage that is shared so."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def given(cls) -> Self | None:
        """The meeting of this process's stage, if a flow run has arranged one."""
        told = os.environ.get(VARIABLE)
        return cls(**json.loads(told)) if told else None
