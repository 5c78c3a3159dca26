"""The colours of the course: the palette of Okabe and Ito, which colour-blind readers can tell apart."""

BLUE, ORANGE, GREEN, VERMILION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
GREY = "#8C8C8C"
