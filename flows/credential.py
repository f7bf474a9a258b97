"""The credential of a checkout's Prefect server, in files that only their owner can read."""

import json
import os
import secrets
import tempfile
from pathlib import Path

from eva.errors import InputError

# Prefect's home here: `PREFECT_HOME=.eva/prefect prefect ...` reads the profile
FOLDER = Path(".eva/prefect")
CREDENTIAL = FOLDER / "credential"
PROFILE = "eva"


def settle(root: Path, given: str | None = None) -> str:
    """The credential, `user:password`: the given one, the stored one, or a new one; it is stored.

    Raises:
        InputError: other users can read the stored one, or the given one is not of that form.
    """
    credential = given or stored(root) or f"{PROFILE}:{secrets.token_urlsafe(24)}"
    if not all(credential.partition(":")):
        raise InputError("PREFECT_SERVER_API_AUTH_STRING must have the form USER:PASSWORD")
    write_private(root / CREDENTIAL, f"{credential}\n")
    return credential


def stored(root: Path) -> str | None:
    """The stored credential; None if there is none yet."""
    path = root / CREDENTIAL
    if not path.exists():
        return None
    if path.stat().st_mode & 0o077:
        raise InputError(
            f"{path}: other users of this machine can read this credential; run `make down`, delete the "
            "file, and `make up` makes a new one"
        )
    return path.read_text("utf-8").strip()


def write_profile(root: Path, api_url: str, credential: str) -> None:
    """Write the Prefect profile that every `prefect` command, worker and flow of this checkout reads."""
    settings = {"PREFECT_API_URL": api_url, "PREFECT_API_AUTH_STRING": credential}
    lines = [f'active = "{PROFILE}"', "", f"[profiles.{PROFILE}]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]  # JSON strings are TOML's
    write_private(root / FOLDER / "profiles.toml", "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file atomically that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)
