"""The software that made an export, as a CycloneDX bill of materials (a `.cdx.json` file).

Written without a library and without time or serial number, so that equal environments give equal bytes.
"""

import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib.parse import quote

_CLASSIFIER = "License :: "
_NAME = 60  # characters; what is longer is the text of a licence, not its name


def bill_of_materials(model: str, digest: str) -> dict[str, Any]:
    """Every installed package with version and licence, and the model that they made."""
    found = {one["purl"]: one for one in _components()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": model,
                "version": digest,
            }
        },
        "components": [found[name] for name in sorted(found)],
    }


def _components() -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for one in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        if name in seen:
            continue  # a later folder of the path, which is not imported from
        seen.add(name)
        address = f"pkg:pypi/{name}@{quote(one.version)}"
        component = {"type": "library", "bom-ref": address, "purl": address, "name": one.name}
        licences = _licences(one.metadata)
        yield {
            **component,
            "version": one.version,
            **({"licenses": licences} if licences else {}),
        }


def _licences(told: Any) -> list[dict[str, Any]]:
    """The licences that a package names: as an expression, else in words; none if it names none."""
    if expression := told.get("License-Expression"):
        return [{"expression": expression}]
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or []
        if line.startswith(_CLASSIFIER) and line.count(" :: ") > 1
    ]
    words = str(told.get("License") or "").strip()
    named = classified or ([words] if 0 < len(words) <= _NAME and "\n" not in words else [])
    return [{"license": {"name": name}} for name in named]
