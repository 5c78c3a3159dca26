"""ψ and the conventions, against the paper's numbers and against exact integer arithmetic."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from eca_edu.kernel_size import CONVENTIONS, adaptive_kernel_size, nearest_odd

# C: paper, timm, b not divided, official MobileNetV2, ties down, banker's, round, ceil, floor; all for γ = 2, b = 1
GOLDEN = {
    1: (1, 3, 1, 1, 1, 1, 1, 1, 1),
    3: (1, 3, 1, 1, 1, 1, 1, 3, 1),
    4: (1, 3, 3, 1, 1, 1, 3, 3, 1),
    8: (3, 3, 3, 1, 1, 1, 3, 3, 1),
    16: (3, 3, 3, 1, 3, 3, 3, 3, 1),
    48: (3, 3, 3, 1, 3, 3, 3, 5, 3),
    64: (3, 3, 5, 1, 3, 3, 5, 5, 3),
    96: (3, 3, 5, 3, 3, 3, 5, 5, 3),
    128: (5, 5, 5, 3, 3, 5, 5, 5, 3),
    256: (5, 5, 5, 3, 5, 5, 5, 5, 3),
    512: (5, 5, 5, 3, 5, 5, 5, 5, 5),
    768: (5, 5, 5, 3, 5, 5, 5, 7, 5),
    1024: (5, 5, 7, 3, 5, 5, 7, 7, 5),
    2048: (7, 7, 7, 3, 5, 5, 7, 7, 5),
    4096: (7, 7, 7, 3, 7, 7, 7, 7, 5),
}
gammas = st.integers(1, 64).map(lambda n: Fraction(n, 8))  # fractions that a float holds exactly
bs = st.integers(-32, 64).map(lambda n: Fraction(n, 8))


@pytest.mark.parametrize("channels", GOLDEN)
def test_golden_values(channels):
    expected = GOLDEN[channels]
    assert adaptive_kernel_size(channels) == expected[0]
    assert tuple(rule(channels, 2, 1) for rule in CONVENTIONS.values()) == expected


def test_the_exact_integer_form_holds_for_every_channel_count_up_to_2_to_20():
    assert all(adaptive_kernel_size(c) == 2 * (c.bit_length() // 4) + 1 for c in range(1, 2**20 + 1))


def test_floats_agree_with_whole_numbers_at_every_setting_of_the_sliders():
    """k rises where 2^p reaches C^q; both sides of every such step are tried, for each C that an explorer offers, too."""
    from eca_edu.explorers.kernel_size import BS, CHOICES, GAMMAS

    for gamma in map(Fraction, GAMMAS):
        for b in map(Fraction, BS):
            steps = [2 ** float(gamma * k - b) for k in range(2, 30, 2)]  # t = k, a tie between k - 1 and k + 1
            around = {math.floor(c) + shift for c in steps if 1 <= c < 2**20 for shift in (-1, 0, 1)} - {0}
            for channels in {*CHOICES, *around}:
                k = adaptive_kernel_size(channels, float(gamma), float(b))
                assert k == 1 or _at_least(channels, gamma * (k - 1) - b)
                assert not _at_least(channels, gamma * (k + 1) - b)


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("paper", set()),
        ("timm", set(range(1, 8))),
        ("b-not-divided", {*range(4, 8), *range(64, 128), *range(1024, 2048)}),
        ("ties-down", {8, 128, 2048}),
        ("bankers-rounding", {8, 2048}),
        ("round-then-bump", {*range(4, 8), *range(64, 128), *range(1024, 2048)}),
        ("ceil-then-bump", {*range(3, 8), *range(33, 128), *range(513, 2048)}),
        ("floor-then-drop", {*range(8, 32), *range(128, 512), *range(2048, 4097)}),
    ],
)
def test_where_each_convention_differs_from_the_paper(name, differs):
    assert {c for c in range(1, 4097) if CONVENTIONS[name](c, 2, 1) != adaptive_kernel_size(c)} == differs


@given(k=st.integers(0, 30).map(lambda n: 2 * n + 1), gamma=st.integers(1, 4), b=st.integers(-3, 1))
def test_psi_inverts_phi(k, gamma, b):
    assert adaptive_kernel_size(2 ** (gamma * k - b), gamma, b) == k


@given(channels=st.integers(1, 2**20), gamma=gammas, b=bs)
def test_psi_is_odd_positive_and_nearest(channels, gamma, b):
    k = adaptive_kernel_size(channels, gamma, b)
    # k is nearest to t, ties upward: k - 1 ≤ t < k + 1, which in whole numbers reads 2^p ≤ C^q; below 1 there is no choice.
    assert k >= 1
    assert k % 2 == 1
    assert k == 1 or _at_least(channels, gamma * (k - 1) - b)
    assert not _at_least(channels, gamma * (k + 1) - b)


def _at_least(channels, exponent):
    """Whether log2(channels) ≥ exponent, decided in whole numbers."""
    return exponent <= 0 or channels**exponent.denominator >= 2**exponent.numerator


@given(channels=st.integers(1, 10**6), gamma=gammas, b=bs)
def test_psi_never_falls_when_channels_grow(channels, gamma, b):
    assert adaptive_kernel_size(channels, gamma, b) <= adaptive_kernel_size(channels + 1, gamma, b)


@pytest.mark.parametrize(("t", "expected"), [(-3, 1), (0, 1), (1.99, 1), (2, 3), (3.99, 3), (4, 5), (5.5, 5), (6, 7)])
def test_nearest_odd(t, expected):
    assert nearest_odd(t) == expected


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0,), ValueError, "channels must be at least 1; got 0"),
        ((-8,), ValueError, "channels must be at least 1; got -8"),
        ((64.0,), TypeError, "channels must be a whole number; got 64.0"),
        ((True,), TypeError, "channels must be a whole number; got True"),
        (("64",), TypeError, "channels must be a whole number; got '64'"),
        ((64, 0), ValueError, "gamma must be greater than 0; got 0"),
        ((64, -1.5), ValueError, "gamma must be greater than 0; got -1.5"),
        ((64, math.nan), ValueError, "gamma must be finite; got nan"),
        ((64, "2"), TypeError, "gamma must be a number; got '2'"),
        ((64, 2, math.inf), ValueError, "b must be finite; got inf"),
        ((64, 2, None), TypeError, "b must be a number; got None"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error) as caught:
        adaptive_kernel_size(*arguments)
    assert str(caught.value) == words
