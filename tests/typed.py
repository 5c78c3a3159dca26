"""What a type checker knows of the package. Nothing runs this: `make lint` lets mypy read it, which also tells when an error
that is expected here is none any more.
"""

from torch import nn
from typing_extensions import assert_type

import eca_edu
from eca_edu import *  # noqa: F403
from eca_edu import nothing  # type: ignore[attr-defined]  # noqa: F401

assert_type(eca_edu.ECA(64).conv, nn.Conv1d)
assert_type(nearest_odd(4), int)  # noqa: F405
eca_edu.ECA("64")  # type: ignore[arg-type]
