"""Types that the whole data plane shares."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Named arrays that share dimension 0, the rows. A BYTES tensor is an object array of ``bytes``.
Tensors = dict[str, NDArray[Any]]


def rows_of(tensors: Tensors) -> int:
    """Number of rows: the length of dimension 0, equal in all tensors."""
    for array in tensors.values():
        return int(array.shape[0])
    return 0


def bytes_array(values: list[bytes]) -> NDArray[np.object_]:
    """A BYTES tensor [n] of these values; numpy alone would make a fixed-width array of them."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
