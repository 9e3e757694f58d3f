import time

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN

from handler.engines.engine import Floats
from scripts.evaluating import grouping
from scripts.evaluating.grouping import groups


def crowd(count: int, seed: int) -> Floats:
    """Some alone, some in clumps, some in chains; shuffled."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count // 3, 32))
    clumps = np.repeat(centres, 2, 0) + random.normal(scale=0.05, size=(2 * len(centres), 32))
    chain = np.cumsum(random.normal(scale=0.1, size=(count - 3 * len(centres) + 20, 32)), 0) + 1
    rows = np.concatenate([centres, clumps, chain]) * random.uniform(0.1, 50)
    return random.permutation(rows).astype(np.float32)


def by_scikit_learn(features: Floats, threshold: float) -> NDArray[np.intp]:
    """Every pair compared: what is within reach of each other is one cluster."""
    labels: NDArray[np.intp] = (
        DBSCAN(eps=1 - threshold, min_samples=1, metric="cosine", algorithm="brute")
        .fit(features.astype(float))
        .labels_
    )
    return labels


@pytest.mark.parametrize("block", [1, 500, grouping.BLOCK])
@pytest.mark.parametrize("seed", range(5))
def test_every_pair_counts(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "BLOCK", block)
    features = crowd(150, seed)
    for threshold in (0.9, 0.985, 0.995):
        labels = groups(features, threshold)
        assert 1 < labels.max() < len(features) - 1
        # Both number from 0 in the order of the first pictures.
        assert labels.tolist() == by_scikit_learn(features, threshold).tolist()


def test_a_chain_is_one_group() -> None:
    angles = np.arange(40) * np.arccos(0.99)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert groups(circle).tolist() == [0] * 40
    assert groups(np.delete(circle, 20, 0)).tolist() == [0] * 20 + [1] * 19


def test_nothing_and_zeros() -> None:
    assert groups(np.empty((0, 512), np.float32)).tolist() == []
    assert groups(np.zeros((3, 512), np.float32)).tolist() == [0, 1, 2]


@pytest.mark.undisturbed
@pytest.mark.parametrize("equal", [False, True])
def test_ten_thousand(equal: bool) -> None:
    features = np.random.default_rng(0).normal(size=(10_000, 512)).astype(np.float32)
    if equal:
        features[:] = features[0]
    started = time.perf_counter()
    labels = groups(features)
    assert time.perf_counter() - started < 20
    assert labels.max() == (0 if equal else 9_999)
