"""Pictures that look the same to the network."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from handler.engines.engine import Floats

# Cosine of two embeddings, from which on they are of one picture at another size, crop or quality.
NEARLY_THE_SAME = 0.985
BLOCK = 2**22  # similarities kept at a time, 16 MB of float32


def groups(features: Floats, threshold: float = NEARLY_THE_SAME) -> NDArray[np.intp]:
    """[N] numbers, equal where pictures are near duplicates, also by way of others between them.

    features: float32 [N, D]. Numbered from 0 in the order of their first pictures. One whose
    features are all 0 is alone.
    """
    directions = normalised(features)
    count = len(directions)
    labels = np.arange(count)
    rows = max(1, BLOCK // max(1, count))
    for first in range(0, count, rows):
        similarities = directions[first : first + rows] @ directions[first:].T
        row, column = np.nonzero(similarities >= threshold)
        # Between groups so far: what there is to remember is never more than N numbers.
        ends = labels[row + first], labels[column + first]
        graph = coo_array((np.ones(len(row), bool), ends), (count, count))
        labels = connected_components(graph, directed=False)[1][labels]
    _, firsts, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return firsts.argsort().argsort()[inverse]


def normalised(features: Floats) -> Floats:
    """Each row at length 1; one of all 0 stays as it is."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions: Floats = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    return directions
