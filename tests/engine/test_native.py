"""What is said of a model's size."""

import pytest

from router.engine.native import rounded


@pytest.mark.parametrize(
    ("weights", "expected"),
    [(512, "512"), (260_000, "260K"), (1_183_360, "1.2M"), (22_600_000, "23M"), (7_240_000_000, "7.2B")],
)
def test_a_size_reads_as_people_say_it(weights: int, expected: str) -> None:
    """Two digits, and the largest unit that is reached."""
    assert expected == rounded(weights)
