"""The plugins that the settings at hand name, for commands that read corpora or compute metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from eva.plugins import load_plugins
from eva.settings.plugins_section import Plugins
from eva.settings.project import PARAMS, project_root
from eva.settings.reading import read_sections

Kind = Literal["corpora", "metrics", "estimators"]


def load_project_plugins(*kinds: Kind, params: Path | None = None) -> Mapping[str, str]:
    """Import the plugins of these kinds that a params file names; none where there is no such file.

    The project's file is meant unless another is given; the folders lie beside it. One that is not there
    holds none: settings are also used away from their project, and `eva params check` names it.

    Returns:
        The modules' names, each with the sha256 of its file or package.
    """
    path = params or project_root(Path.cwd()) / PARAMS
    if not path.is_file():
        return {}
    if "metrics" in kinds:  # EVA's own come first, in tables and where a name is taken twice
        import eva.metrics.selection  # noqa: F401
    folders: Plugins = read_sections(path, {"plugins": Plugins})["plugins"]
    places = (path.parent / getattr(folders, kind) for kind in kinds)
    loaded = (load_plugins(place) for place in places if place.is_dir())
    return {name: digest for modules in loaded for name, digest in modules.items()}
