"""What is tried on an image that reads badly: OpenCV's clean-ups, then the second decoder.

Both libraries are imported here only, inside functions: they are heavy, and the second needs a system library that may
be missing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

#: Largest image (points) that is enlarged, largest that is worked on, and largest side given to the second decoder,
#: whose time grows with it.
_ENLARGED_PIXELS: Final = 2_000_000
_WORK_PIXELS: Final = 4_000_000
_LIBDMTX_SIDE: Final = 900
_LIBDMTX_MAX_S: Final = 1.5


def variants(grey: Grey) -> Iterator[tuple[str, Grey]]:
    """Cleaner versions of an image, with the name of what was done.

    Order measured on dark, blurred, noisy desk scenes that zxing-cpp alone does not read: what is cheap and what reads
    most comes first. Denoising, contrast equalisation and closing, tried there, read nothing more.
    """
    import cv2

    cv2.setNumThreads(1)
    yield "seuillée", _threshold(_reduced(grey), 31)
    large = _enlarged(grey)
    yield "agrandie", large
    yield "agrandie, seuillée", _threshold(large, 61)
    yield "agrandie, accentuée", _sharpened(large, 6)
    smooth = _enlarged(_grey(cv2.GaussianBlur(grey, (0, 0), 1)))
    yield "lissée, accentuée", _sharpened(smooth, 4)
    angle = _skew(large)
    if abs(angle) > 1:
        yield "redressée", _turned(_sharpened(large, 4), angle)
    for degrees in (20, 45):
        yield f"tournée de {degrees}°", _turned(_sharpened(large, 4), angle + degrees)


def libdmtx(grey: Grey, remaining_s: float) -> str:
    """What pylibdmtx reads, or nothing: no code, no library on this machine, or no time left."""
    decode = _libdmtx_decode()
    limit_s = min(remaining_s, _LIBDMTX_MAX_S)
    if decode is None or limit_s <= 0.05:
        return ""
    import cv2

    shrink = max(1.0, max(grey.shape) / _LIBDMTX_SIDE)
    small = cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    return decode(_grey(small), int(limit_s * 1000))


def libdmtx_available() -> bool:
    """Is the second decoder on this machine?"""
    return _libdmtx_decode() is not None


def _libdmtx_decode() -> Callable[[Grey, int], str] | None:
    """The second decoder, or None where its system library is missing."""
    try:
        with warnings.catch_warnings():
            # It compares versions with distutils, and says so each time it is imported.
            warnings.simplefilter("ignore", DeprecationWarning)
            from pylibdmtx import pylibdmtx
    except (ImportError, OSError):
        return None

    def decode(image: Grey, timeout_ms: int) -> str:
        found = pylibdmtx.decode(image, timeout=timeout_ms, max_count=1)
        return found[0].data.decode("utf-8", errors="backslashreplace") if found else ""

    return decode


def _reduced(grey: Grey) -> Grey:
    """At most 4 million points: clean-ups of a large photo cost more than they bring."""
    import cv2

    if grey.size <= _WORK_PIXELS:
        return grey
    factor = (_WORK_PIXELS / grey.size) ** 0.5
    return _grey(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _enlarged(grey: Grey) -> Grey:
    """Twice as large in each direction, or reduced when it is a large photo."""
    import cv2

    if grey.size > _ENLARGED_PIXELS:
        return _reduced(grey)
    return _grey(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))


def _threshold(grey: Grey, block: int) -> Grey:
    """Black and white, each point against the mean of the `block` × `block` points around it."""
    import cv2

    return _grey(cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, block, 8))


def _sharpened(grey: Grey, radius: float) -> Grey:
    """Unsharp mask."""
    import cv2

    return _grey(cv2.addWeighted(grey, 3.5, cv2.GaussianBlur(grey, (0, 0), radius), -2.5, 0))


def _skew(grey: Grey) -> float:
    """Angle (degrees, −45 to 45) of the long straight lines of the image: edges of the card, lines of text."""
    import cv2
    import numpy as np

    edges = cv2.Canny(grey, 60, 180)
    length = min(grey.shape) // 6
    lines = cv2.HoughLinesP(edges, 1, np.pi / 360, 120, minLineLength=length, maxLineGap=8)
    if lines is None:
        return 0.0
    ends = lines.reshape(-1, 4).astype(float)
    angles = np.degrees(np.arctan2(ends[:, 3] - ends[:, 1], ends[:, 2] - ends[:, 0]))
    return float(np.median((angles + 45) % 90 - 45))


def _turned(grey: Grey, degrees: float) -> Grey:
    """The whole image turned on white paper."""
    import cv2

    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_width, new_height = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[0, 2] += new_width / 2 - width / 2
    matrix[1, 2] += new_height / 2 - height / 2
    return _grey(cv2.warpAffine(grey, matrix, (new_width, new_height), flags=cv2.INTER_CUBIC, borderValue=(255,)))


def _grey(image: object) -> Grey:
    import numpy as np

    return np.asarray(image, dtype=np.uint8)
