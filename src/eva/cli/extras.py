"""Finding the optional extra of this package that installs a missing module."""

import importlib.metadata
import re


def extra_with(module: str | None) -> str | None:
    """The name of the first extra that requires the package of `module`, or None."""
    if module is None:
        return None
    package = module.partition(".")[0].replace("_", "-").lower()
    for line in importlib.metadata.requires("eva-mlops") or []:
        found = re.match(r"([\w.-]+).*extra == ['\"](\w+)['\"]", line)
        if found and found[1].replace("_", "-").lower() == package:
            return found[2]
    return None
