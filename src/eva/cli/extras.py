"""Which extra of this package brings a module that is not installed."""

import importlib.metadata
import re


def extra_with(module: str | None) -> str | None:
    """Name of the first extra that requires the package of `module`; None if none does."""
    if module is None:
        return None
    package = module.partition(".")[0].replace("_", "-").lower()
    for line in importlib.metadata.requires("eva-mlops") or []:
        found = re.match(r"([\w.-]+).*extra == ['\"](\w+)['\"]", line)
        if found and found[1].replace("_", "-").lower() == package:
            return found[2]
    return None
