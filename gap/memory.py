"""What a process does once it has loaded everything that it will keep."""

from __future__ import annotations

import gc


def settle() -> None:
    """Leave what was loaded at the start out of the collector's rounds.

    A full round looks at every object of the process: with Django and zeep loaded it stops a web process for more than
    a tenth of a second, in the middle of somebody's page. What the process loads once, it keeps for life.
    """
    gc.collect()
    gc.freeze()
