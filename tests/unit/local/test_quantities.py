from decimal import Decimal

import pytest

from trellis.local.quantities import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (2, "2"),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("512Mi", "536870912"),
        ("3G", "3000000000"),
        ("1E", "1000000000000000000"),
        ("250u", "0.00025"),
    ],
)
def test_a_quantity_in_its_base_unit(text: str | int, number: str) -> None:
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "Mi", "1Q", "two", "nan", "inf"])
def test_what_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity such as"):
        quantity(text)
