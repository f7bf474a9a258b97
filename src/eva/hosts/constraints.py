"""The packages of this environment against `constraints.txt`, and the name of the queue that follows from it.

A worker takes runs only from the work queue that is named after the digest of its constraints and the first
commit of its repository: a run of another environment, or of a project that it cannot fetch, is never given
to it.
"""

import hashlib
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from eva.errors import InputError, raise_if

FILE = "constraints.txt"
QUEUES = "constraints-"  # how the names of such queues begin
_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)")


def digest(text: str) -> str:
    """The digest of the pinned packages, as 12 hex digits; comments and order do not count."""
    pins = sorted(f"{name}=={pinned}" for name, pinned in _pins(text))
    return hashlib.sha256("\n".join(pins).encode()).hexdigest()[:12]


def read_digest(root: Path) -> str:
    """The digest of the `constraints.txt` of a checkout.

    Raises:
        InputError: there is none.
    """
    try:
        return digest((root / FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{root} has no {FILE}: other hosts could not tell what to install") from None


def queue_name(constraints: str, origin: str) -> str:
    """The work queue for runs of this environment and of the repository with this first commit."""
    return f"{QUEUES}{constraints}-{origin[:12]}"


def require_installed(text: str, commit: str) -> None:
    """Raise an `InputError` that names the packages whose installed version is not the pinned one.

    Packages that are pinned but not installed do not count: most are for developers or for one stage.
    """
    wrong = [
        f"{name} is {found} here, {pinned} in {FILE}" for name, pinned in _pins(text)
        if (found := _installed(name)) not in (None, pinned)
    ]  # fmt: skip
    advice = (
        f"this environment is not that of commit {commit[:12]}; `pip install -c {FILE}` the packages of it"
    )
    raise_if(wrong, advice, listed=10)


def _pins(text: str) -> list[tuple[str, str]]:
    return [(m[1].lower(), m[2]) for line in text.splitlines() if (m := _LINE.match(line))]


def _installed(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]  # torch's build tag is not pinned
    except PackageNotFoundError:
        return None
