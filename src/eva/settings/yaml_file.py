"""Reading of a YAML file as DVC reads it (YAML 1.2), and a check for values that other readers misread.

Many tools, PyYAML among them, read YAML 1.1, where `012` is ten, `1:30` is ninety and `no` is false. A
value that means different things in the two versions is refused, so that the meaning of a file does not
depend on the reader. The exception are numbers such as `1e-5`, which YAML 1.1 reads as text: DVC itself
writes them (`dvc exp run -S sft.lr=0.00001`), and no reader takes them for another number.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from eva.errors import InputError

# Numbers of YAML 1.2's core schema (yaml.org/spec/1.2.2, section 10.3.2).
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


Misread = Mapping[str, str]  # key -> what is wrong with how its value is written


def parse_yaml(text: str, where: str) -> tuple[Any, Misread]:
    """The value of a YAML text, and by key the problem with each value that other readers may misread.

    Raises:
        InputError: the text is not valid YAML.
    """
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True  # `_doubled` reports them, all at once
    try:
        root = reader.compose(text)
        value = reader.load(text)
    except YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {error}") from None
    return value, {} if root is None else dict(_problems(root, []))


def _problems(node: Any, location: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of key and problem for a node and all nodes below it."""
    if node.id == "scalar":
        yield from _misread(node, ".".join(location))
    elif node.id == "sequence":
        for number, entry in enumerate(node.value):
            yield from _problems(entry, [*location, str(number)])
    else:
        yield from _doubled(node, location)
        for key, value in node.value:
            inner = [*location, str(key.value)]
            yield from _misread(key, ".".join(inner))
            yield from _problems(value, inner)


def _doubled(mapping: Any, location: list[str]) -> Iterator[tuple[str, str]]:
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            place = ".".join([*location, name])
            yield place, f"`{place}` is written twice, in lines {lines[name]} and {line}: keep one of them"
        lines.setdefault(name, line)


def _misread(scalar: Any, key: str) -> Iterator[tuple[str, str]]:
    text = scalar.value
    if scalar.style is not None:  # quoted: text in both versions
        return
    old, new = _in_yaml_1_1(text), _in_yaml_1_2(text)
    if (type(old), repr(old)) == (type(new), repr(new)) or (isinstance(old, str) and isinstance(new, float)):
        return
    choices = [f'"{one}"' if isinstance(one, str) else str(one).lower() for one in (new, old)]
    yield (
        key,
        (
            f"`{key}` is {text}, which YAML 1.1 reads as {old!r} and YAML 1.2 as {new!r}: "
            f"write {' or '.join(choices)}, whichever you mean"
        ),
    )


def _in_yaml_1_1(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # a word with a meaning of its own, such as `=`; no such date
        return text


def _in_yaml_1_2(text: str) -> Any:
    if text.lower() in _WORDS and text in {text.lower(), text.upper(), text.capitalize()}:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return float(text.replace(".", "").lower()) if _NOT_FINITE.fullmatch(text) else text
