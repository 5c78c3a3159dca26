"""The interval of a share agrees with scipy, and stays between 0 and 1."""

import pytest
from scipy.stats import binomtest

from eca_edu.statistics import share_interval


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (3, 10), (499, 500), (500, 500), (7850, 10_000)])
def test_the_interval_of_a_share_is_wilsons(right, n):
    low, high = share_interval(right, n)
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert 0 <= low <= right / n <= high <= 1
    assert right == n or share_interval(right, n) < share_interval(right + 0.5, n)  # some may count in part
