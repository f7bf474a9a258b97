"""The models of a server: all versions of one registered model, and the backbone that they began from."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from eva.errors import InputError
from eva.serving.refusals import RefusedError

log = logging.getLogger(__name__)

BASE = "base"
_KEPT = 3  # models in memory: the one that is served, the base, and the version asked for last

Load = Callable[[str], Any]


class Models:
    """Found by name without loading, loaded when first asked.

    Args:
        served: the version that answers where none is named, as `NAME/3`.
        versions: gives the versions of that name with their aliases, as {"NAME/3": ["champion"]}.
        load: loads `NAME/3`, or `base`.
        has_base: whether there is a base.
    """

    def __init__(
        self, served: str, versions: Callable[[], dict[str, list[str]]], load: Load, has_base: bool
    ) -> None:
        self.served = served
        self._versions, self._load, self._has_base = versions, load, has_base
        self._loaded: OrderedDict[str, Any] = OrderedDict()

    def listed(self) -> dict[str, list[str]]:
        """All models with their aliases, the served one first."""
        return {self.served: [], **self._versions(), **({BASE: []} if self._has_base else {})}

    def find(self, wanted: str | None) -> str:
        """The model of a name: `NAME`, `NAME/3`, `NAME@champion` or `base`; without one, the served."""
        name = self.served.partition("/")[0]
        given = (wanted or name).removeprefix("models:/")
        if given in (name, self.served):
            return self.served
        known = self.listed()
        by_alias = {f"{name}@{alias}": one for one, aliases in known.items() for alias in aliases}
        found = given if given in known else by_alias.get(given)
        if found is None:
            names = ", ".join([*known, *by_alias])
            raise RefusedError(404, f"no model {wanted!r}; here are {names}", "model_not_found")
        return found

    def get(self, name: str) -> Any:
        """The loaded model; call it from one thread at a time."""
        if name not in self._loaded:
            log.info("loading %s", name)
            try:
                self._loaded[name] = self._load(name)
            except InputError as error:
                raise RefusedError(503, f"{name} cannot be loaded: {error}", "model_not_loaded") from None
        self._loaded.move_to_end(name)
        while len(self._loaded) > _KEPT:
            oldest = next(one for one in self._loaded if one not in (self.served, name))
            del self._loaded[oldest]
        return self._loaded[name]
