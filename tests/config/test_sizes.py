"""Sizes as people write them."""

import pytest

from sojourn.config.project import BadSize, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("1B", 1),
        ("5MB", 5_000_000),
        ("5 MB", 5_000_000),
        ("64KB", 64_000),
        ("64KiB", 65_536),
        ("1MiB", 1_048_576),
        ("2GB", 2_000_000_000),
        ("1GiB", 1_073_741_824),
        ("1.5KB", 1_500),
        ("0.5KiB", 512),
    ],
)
def test_kb_are_thousands_and_kib_are_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "5mb", "5 M", "-1", "1e3", "1.0001KB", "0.1B", "5  MB", "5MB ", "1,5MB", "\u0665MB", "9" * 13]
)
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(BadSize):
        parse_size(text)
