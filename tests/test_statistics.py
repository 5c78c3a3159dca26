"""The interval of a share agrees with scipy, and stays between 0 and 1; several comparisons are corrected for one another."""

import pytest
from scipy.stats import binomtest

from eca_edu.statistics import holm, share_interval


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (3, 10), (499, 500), (500, 500), (7850, 10_000)])
def test_the_interval_of_a_share_is_wilsons(right, n):
    low, high = share_interval(right, n)
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert 0 <= low <= right / n <= high <= 1
    assert right == n or share_interval(right, n) < share_interval(right + 0.5, n)  # some may count in part


def test_holm_multiplies_the_smallest_by_all_of_them_and_never_turns_the_order():
    # Worked by hand: 3 x 0.01, then the larger of that and 2 x 0.014, then 1 x 0.9; 2 x 0.6 would be above 1.
    assert holm({"b": 0.9, "c": 0.014, "a": 0.01}) == pytest.approx({"a": 0.03, "c": 0.03, "b": 0.9})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert [*holm({"b": 0.9, "a": 0.01})] == ["a", "b"]
