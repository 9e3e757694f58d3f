"""What a model of ants and bees is worth, on a public split."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from handler.engines.engine import Floats
from scripts.evaluating import figures
from scripts.evaluating.labelled import read
from scripts.evaluating.model import Model
from scripts.teaching import choosing, classifier
from scripts.teaching.choosing import accuracy
from scripts.teaching.examples import Examples, look_at
from scripts.teaching.familiarity import familiar
from scripts.teaching.judging import results_of
from scripts.teaching.looking import through
from scripts.teaching.memory import Memory
from tests.service import SHARED

pytestmark = pytest.mark.slow
FOLDER = SHARED / "ants_bees"
PICTURES = 10  # a class


class Seen(NamedTuple):
    train: Examples
    groups: np.ndarray
    judges: Examples
    foreign: Floats  # features


@pytest.fixture(scope="module")
def seen(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    if not FOLDER.is_dir() and not os.environ.get("CI"):
        pytest.skip("needs the ants and bees beside the checkout")
    with Model(archive) as model:
        memory = Memory(model, tmp_path_factory.mktemp("memory") / "descriptions.npz")
        train, judges = (
            look_at(read(FOLDER / name), memory, {}, name) for name in ("train", "val")
        )
        foreign = model.classify(sorted((SHARED / "images").glob("*.jpg")))
    train, groups, _ = through(train)
    return Seen(train, groups, judges, foreign.embeddings)


def test_accuracy_and_calibration(seen: Seen) -> None:
    fit = choosing.plain(seen.train, seen.groups).fit
    results = results_of(seen.judges, fit.linear.logits(seen.judges.described))
    assert results.is_right.mean() >= 0.955
    assert figures.calibration(results)["error"] <= 0.05


def test_ten_pictures_a_class(seen: Seen) -> None:
    train, found = seen.train, []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        places = np.concatenate(
            [generator.permutation(np.flatnonzero(train.labels == i))[:PICTURES] for i in (0, 1)]
        )
        few = train.where(np.isin(np.arange(len(train)), places))
        channels = few.features.shape[1]
        fit = classifier.fit(few.described, few.labels, 2, channels, np.arange(len(few)))
        found.append(accuracy(fit.linear.logits(seen.judges.described), seen.judges.labels))
    assert np.mean(found) >= 0.92


def test_foreign_pictures_are_none_of_these(seen: Seen) -> None:
    found = familiar(seen.train.features, seen.train.labels, seen.groups)
    assert found
    scores = found.none_of_these(np.concatenate([seen.judges.features, seen.foreign]))
    is_foreign = np.arange(len(scores)) >= len(seen.judges)
    assert roc_auc_score(is_foreign, scores) >= 0.97
