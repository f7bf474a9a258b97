"""Whether the modules of the user's own can be imported; what they register is known from then on."""

from functools import partial

from eva.plugins import load_plugins
from eva.preflight.refusals import refusals
from eva.settings.plugins_section import Plugins


def plugin_problems(plugins: Plugins | None) -> list[str]:
    """Import the plugins of a section; returns why some cannot be, with the setting that names them."""
    if plugins is None:  # the section itself is wrong, and said so
        return []
    folders = {"corpora": plugins.corpora, "estimators": plugins.estimators, "metrics": plugins.metrics}
    return [
        problem
        for kind, folder in folders.items()
        for problem in refusals(f"plugins.{kind}", folder, partial(load_plugins, folder))
    ]
