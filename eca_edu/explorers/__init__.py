"""Touch it: explorers that are drawn in the page and answer to the hand there, with or without a kernel.

Each loads on first use; they are listed in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
