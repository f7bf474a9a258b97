"""Finding and repairing damaged objects of DVC, whose file name is the md5 of their content."""

import hashlib
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.compat.dvc_repo import Objects, Output, fetch_again

_NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")
_READ_ONLY = 0o444  # as DVC stores them

Uses = Mapping[str, Sequence[Output]]


@dataclass(frozen=True)
class Damaged:
    """An object whose content does not match its name, and the outputs that need it."""

    path: Path
    md5: str
    outputs: tuple[Output, ...]

    def described(self, root: Path) -> str:
        """One line: the damaged file, and the outputs that it belongs to."""
        used = ", ".join(f"{below(one.path, root)} ({one.stage})" for one in self.outputs[:3])
        more = f" and {len(self.outputs) - 3} more" if len(self.outputs) > 3 else ""
        what = f"it is {used}{more}" if used else "no output of this checkout needs it"
        return f"{below(self.path, root)}: its content does not match its name; {what}"


def uses_of(objects: Objects) -> Uses:
    """Md5 of an object -> the outputs that need it."""
    found: dict[str, list[Output]] = defaultdict(list)
    for output in objects.outputs:
        found[output.md5].append(output)
    return found


def stored_objects(folder: Path) -> list[Path]:
    """All objects of a cache or remote folder (`…/files/md5`)."""
    return sorted(path for path in folder.glob("??/*") if _NAME.fullmatch(path.name) and path.is_file())


def find_damaged(paths: Iterable[Path], uses: Uses, on_bytes: Callable[[int], object]) -> Iterator[Damaged]:
    """The objects whose md5 differs from their name; `on_bytes` is called with the size of each one read."""
    for path in paths:
        name = path.parent.name + path.name
        if content_md5(path) != name.removesuffix(".dir"):
            yield Damaged(path, name, tuple(uses.get(name, ())))
        on_bytes(path.stat().st_size)


def unstored(objects: Objects, held: Iterable[Path]) -> list[Output]:
    """Outputs that stand in the workspace, of which none of the objects `held` has the content.

    DVC 3.67 goes on, and exits with 0, where its cache has no room left for the files of a folder.
    """
    names = {path.parent.name + path.name for path in held}
    return [one for one in objects.outputs if one.md5 not in names and _as_listed(one)]


def _as_listed(output: Output) -> bool:
    if output.md5.endswith(".dir"):
        return output.path.is_dir()
    return output.path.is_file() and content_md5(output.path) == output.md5


def linked(paths: Iterable[Path]) -> list[Path]:
    """The objects with a second hard link, so that an edit of the other file changes them too."""
    return [path for path in paths if path.stat().st_nlink > 1]


def repair(damaged: Damaged, objects: Objects, root: Path) -> bool:
    """Replace a damaged object by a good copy; False if there is none.

    A copy is looked for in the other of cache and remote folder, then in the workspace, then, if the
    remote is not a folder, with `dvc fetch`.
    """
    stores = [store for store in (objects.cache, objects.remote) if store]
    same = [store / damaged.md5[:2] / damaged.md5[2:] for store in stores]
    whole = [] if damaged.md5.endswith(".dir") else [output.path for output in damaged.outputs]
    for copy in [*same, *whole]:
        if copy != damaged.path and copy.is_file() and content_md5(copy) == damaged.md5.removesuffix(".dir"):
            _put(copy, damaged.path)
            return True
    in_cache = damaged.path.is_relative_to(objects.cache)
    return in_cache and objects.address is not None and not objects.remote and _fetched(damaged, root)


def _fetched(damaged: Damaged, root: Path) -> bool:
    aside = damaged.path.with_name(f"{damaged.path.name}.damaged")
    damaged.path.replace(aside)  # DVC fetches only missing objects
    fetch_again(root, sorted({output.stage for output in damaged.outputs}))
    if damaged.path.is_file() and content_md5(damaged.path) == damaged.md5.removesuffix(".dir"):
        aside.unlink()
        return True
    aside.replace(damaged.path)
    return False


def _put(copy: Path, path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".repair.")
    try:
        with os.fdopen(handle, "wb") as file, copy.open("rb") as source:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_READ_ONLY)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def content_md5(path: Path) -> str:
    """The md5 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def below(path: Path, root: Path) -> Path:
    """As seen from `root`, where it lies below it."""
    return path.relative_to(root) if path.is_relative_to(root) else path
