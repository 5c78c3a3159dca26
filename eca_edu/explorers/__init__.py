"""Touch it: explorers that are drawn in the page and answer to the hand there, with or without a kernel."""
