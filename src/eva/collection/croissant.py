"""Croissant metadata (MLCommons) of a preference set, with which loaders find and check its records."""

from collections.abc import Iterator, Mapping
from typing import Any

from eva.collection.card import FIELDS
from eva.manifest import Entry

_NUMBERS = ("ChosenLevel", "RejectedLevel", "Annotators", "Against", "Turn", "Turns")
_TYPES = {"MachineMade": "sc:Boolean", **dict.fromkeys(_NUMBERS, "sc:Integer")}
_PARTS = {"History": {"role": "help-seeker or supporter", "content": "what was said"}}
# The context that Croissant 1.0 prescribes; loaders warn about any other.
_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
    "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
    "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
    "transform",
)  # fmt: skip
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def croissant(name: str, files: Mapping[str, Entry], about: Mapping[str, Any]) -> dict[str, Any]:
    """JSON-LD by Croissant 1.0: the files with their digests, and the fields of a record."""
    ranker = f"ranked by a machine ({about['ranker']})" if about["machine_made"] else "ranked by people"
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": f"Preference pairs for emotional validation alignment, {ranker}",
        "license": "the corpus's; for research only",
        "distribution": [_file(path, entry) for path, entry in files.items()],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "pairs",
                "name": "pairs",
                "field": list(_fields()),
            }
        ],
    }


def _file(path: str, entry: Entry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{entry['size']} B",
        "encodingFormat": "application/json" if path.endswith(".json") else "application/jsonlines",
        "sha256": entry["sha256"],
    }


def _fields() -> Iterator[dict[str, Any]]:
    """The keys of a record; one that holds a list of objects is a list of texts for each of their keys."""
    for key, what in FIELDS.items():
        if key not in _PARTS:
            yield {**_field(key, what), "dataType": _TYPES.get(key, "sc:Text"), "source": _source(key)}
        for part, told in _PARTS.get(key, {}).items():
            source = {**_source(key), "transform": {"jsonPath": part}}
            about = _field(f"{key}/{part}", f"{what}: {told}, turn by turn")
            yield {**about, "dataType": "sc:Text", "repeated": True, "source": source}


def _field(name: str, what: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"pairs/{name}", "name": name, "description": what}


def _source(key: str) -> dict[str, Any]:
    return {"fileObject": {"@id": "EVAD.json"}, "extract": {"jsonPath": f"$[*].{key}"}}
