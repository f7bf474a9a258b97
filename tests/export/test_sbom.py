"""The bill of materials beside an export."""

from importlib.metadata import version

import pytest

from eva.export.sbom import _licences, bill_of_materials


def test_every_package_is_there_once_with_its_version() -> None:
    bill = bill_of_materials("models:/eva/1", "abc")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    found = {one["name"].lower(): one for one in bill["components"]}
    assert len(found) == len(bill["components"]) > 50
    assert found["transformers"]["version"] == version("transformers")
    assert found["transformers"]["purl"] == f"pkg:pypi/transformers@{version('transformers')}"
    assert found["safetensors"]["licenses"] and found["numpy"]["licenses"]
    assert bill == bill_of_materials("models:/eva/1", "abc"), "nothing of the moment is in it"


def test_a_build_is_part_of_the_version() -> None:
    bill = bill_of_materials("models:/eva/1", "abc")
    (torch,) = (one for one in bill["components"] if one["name"] == "torch")
    assert torch["version"] == version("torch")
    assert "+" not in torch["purl"]


@pytest.mark.parametrize(
    ("told", "licences"),
    [
        ("License-Expression: MIT OR Apache-2.0", [{"expression": "MIT OR Apache-2.0"}]),
        ("License: BSD", [{"license": {"name": "BSD"}}]),
        (
            "License: x\nClassifier: License :: Free\nClassifier: License :: OSI Approved :: MIT License",
            [{"license": {"name": "MIT License"}}],
        ),
        (f"License: {'the whole text ' * 9}", []),
        ("Name: x", []),
    ],
)
def test_licences_are_as_the_package_names_them(told: str, licences: list[dict[str, object]]) -> None:
    from email import message_from_string

    assert _licences(message_from_string(told)) == licences
