"""The colours of the course: the palette of Okabe and Ito, which colour-blind readers can tell apart, and three colour maps."""

BLUE, ORANGE, GREEN, VERMILION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
GREY = "#8C8C8C"
RED = "#B00020"  # an error, an impossible setting; in style sheets var(--red)
SIGNED = "PuOr_r"  # values of either sign, white at 0: orange above it, purple below
WEIGHT = "cividis"  # channel weights, from 0 to 1


def ink(background: tuple[float, float, float, float]) -> str:
    """Return the colour of text, black or white, that can be read on a background (red, green, blue, alpha in 0 to 1)."""
    red, green, blue, _ = background
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
