"""`eva verify`: is what is stored still what was made?"""

from pathlib import Path
from typing import Annotated

import typer

from eva.errors import raise_if


def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="replace damaged objects of DVC by good copies")
    ] = False,
) -> None:
    """Compare every stored object with its digest: DVC's cache and remote, trainings, answers, records.

    A remote is read where it is a folder. Good copies come from the remote, the cache or the workspace.
    """
    from eva.integrity.verification import verify as check

    found = check(Path.cwd(), repair)
    for line in [*found.checked, *(f"repaired: {one}" for one in found.repaired), *found.notes]:
        print(line)
    raise_if(found.problems, "eva verify")
    print("everything stored is what was made")
