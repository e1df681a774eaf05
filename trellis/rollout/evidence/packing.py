"""Vectors as text for a status, without loss: base64 of little-endian float64."""

import base64
import binascii
from typing import Any

import numpy as np

from trellis.rollout.evidence.mixtures import Vector


def pack(vector: Vector) -> str:
    """4 characters for 3 bytes, 8 bytes a number."""
    return base64.b64encode(vector.astype("<f8").tobytes()).decode("ascii")


def unpack(text: Any, size: int) -> Vector:
    """Raises ``ValueError`` where the text is not that of ``size`` finite numbers."""
    if not isinstance(text, str):
        raise ValueError(f"expected packed numbers, not {type(text).__name__}")  # noqa: TRY004 - one error for a bad state
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no packed numbers: {error}") from error
    if len(data) != 8 * size:
        raise ValueError(f"expected {size} packed numbers, {len(data)} bytes came")
    vector = np.frombuffer(data, dtype="<f8").astype(np.float64)
    if not np.isfinite(vector).all():
        raise ValueError("packed numbers are not finite")
    return vector
