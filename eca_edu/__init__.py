"""Efficient Channel Attention (ECA-Net, Wang et al., CVPR 2020), as a course builds it and as a network uses it.

Public names load on first use, so that ``import eca_edu.kernel_size`` imports neither torch nor numpy. They are listed in
``__init__.pyi``, where type checkers and editors find them, too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
