"""Controls that several explorers share."""

import ipywidgets as W


def gamma_slider() -> W.FloatSlider:
    """Return a slider for the γ of ψ, at the paper's 2."""
    return W.FloatSlider(2, min=1, max=4, step=0.25, description="γ")


def b_slider(low: float = -2) -> W.FloatSlider:
    """Return a slider for the b of ψ, from `low` to 4, at the paper's 1."""
    return W.FloatSlider(1, min=low, max=4, step=0.5, description="b")
