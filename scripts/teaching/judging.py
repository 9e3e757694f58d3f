"""Which way of teaching is kept, and what the model is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handler.labels import Label, read_labels
from handler.model_card import Evaluation
from handler.taught import Familiar, Taught
from scripts.evaluating import figures
from scripts.evaluating.phrases import counted, listed
from scripts.evaluating.report import Doubt, Report
from scripts.evaluating.results import Results
from scripts.teaching import choosing, classifier, familiarity, packing
from scripts.teaching.choosing import Candidate
from scripts.teaching.corrections import Verdict
from scripts.teaching.examples import Examples
from scripts.teaching.lesson import Lesson
from scripts.teaching.material import Material

DOUBTFUL = 0.2  # a label's probability, by a model that was not taught with the picture
MOST_DOUBTS = 100


@dataclass(frozen=True)
class Judgement:
    results: Results
    held_out: str
    nearest_mean: float
    rejected: tuple[float, int] | None  # share of the results' pictures, and of how many


def learn(material: Material) -> tuple[Candidate, list[Candidate]]:
    """The best way of those that there was time for, and all that were tried."""
    examples, groups = material.examples, material.groups
    print(f"learn from {counted(len(examples), 'picture')}", flush=True)
    tried = [best := choosing.plain(examples, groups)]
    try:
        if material.mirrored:
            tried.append(other := choosing.with_mirrored(examples, groups, material.mirrored))
            if choosing.is_better(other.fit.held_out, best.fit.held_out, examples.labels):
                best = other
    except KeyboardInterrupt:
        print("\nStopped: what is best so far is kept", flush=True)
    for one in tried:
        share = choosing.accuracy(one.fit.held_out, examples.labels)
        print(f"tried: {one.name}: {share:.3f} cross-validated", flush=True)
    return best, tried


def judge(material: Material, best: Candidate) -> tuple[Judgement, Familiar | None]:
    """On pictures that were not taught: those of VALIDATION, or each of DATA in its turn."""
    examples, groups, others = material.examples, material.groups, material.validation
    familiar = familiarity.familiar(examples.features, examples.labels, groups)
    place = material.place
    if others is None or place is None:
        results = results_of(examples, best.fit.held_out)
        held_out = "each by a model that was taught without it"
        rejected = None  # one in twenty, by the way in which the threshold is chosen
        mean = choosing.nearest_mean(examples, groups)
    else:
        results = results_of(others, best.fit.linear.logits(others.described))
        held_out = f"the pictures of {place.resolve().name}, none of them taught"
        nearest = classifier.nearest_mean(examples.features, examples.labels, others.features)
        mean = float((nearest == others.labels).mean())
        scores = familiar.none_of_these(others.features) if familiar else np.zeros(0)
        share = float((scores >= familiarity.THRESHOLD).mean()) if familiar else 0.0
        rejected = (share, len(results.files)) if familiar else None
    return Judgement(results, held_out, mean, rejected), familiar


def results_of(examples: Examples, logits: NDArray[np.float64]) -> Results:
    return Results(
        examples.classes,
        examples.paths,
        examples.digests,
        examples.labels,
        classifier.probabilities(logits),
    )


def labels(lesson: Lesson, classes: Sequence[str]) -> list[Label]:
    """The classes' names, with the second ones of LABELS. Raises ValueError."""
    second = {one.name: one for one in read_labels(lesson.labels)} if lesson.labels else {}
    if unknown := [name for name in second if name not in classes]:
        raise ValueError(
            f"{lesson.labels} names {listed(unknown)}, but the classes are {listed(classes)}"
        )
    return [second.get(name, Label(name, None, None)) for name in classes]


def evaluation_of(judgement: Judgement) -> Evaluation:
    results = judgement.results
    right, count = int(results.is_right.sum()), len(results.files)
    return {
        "accuracy": round(right / count, 4),
        "interval": [round(end, 4) for end in figures.interval(right, count)],
        "pictures": count,
        "held_out": judgement.held_out,
        "majority": round(figures.majority(results)[1], 4),
        "calibration_error": round(figures.calibration(results)["error"], 4),
    }


def taught(best: Candidate, familiar: Familiar | None) -> Taught:
    """As the archive holds it."""
    weights, bias = (one.astype(np.float32) for one in best.fit.linear)
    return Taught(weights, bias, familiar)


def report_of(
    lesson: Lesson,
    content: packing.Content,
    material: Material,
    best: Candidate,
    tried: Sequence[Candidate],
    judgement: Judgement,
    verdict: Verdict | None,
    repeat: dict[str, str],
) -> Report:
    examples, groups = material.examples, material.groups
    return Report(
        name=content.name,
        version=content.version,
        precision=lesson.precision,
        results=judgement.results,
        held_out=judgement.held_out,
        majority=figures.majority(judgement.results)[1],
        nearest_mean=judgement.nearest_mean,
        curve=choosing.learning_curve(examples, groups),
        findings=material.findings,
        doubtful=doubts(examples, best),
        rejected=judgement.rejected,
        tried=[(one.name, choosing.accuracy(one.fit.held_out, examples.labels)) for one in tried],
        repeat=repeat,
        compared=verdict.sentence if verdict else None,
    )


def doubts(examples: Examples, best: Candidate) -> list[Doubt]:
    """Labels that a model which was not taught with the picture finds unlikely, those first."""
    probabilities = classifier.probabilities(best.fit.held_out)
    places = np.arange(len(examples))
    given, likelier = probabilities[places, examples.labels], probabilities.argmax(1)
    doubtful = places[(given < DOUBTFUL) & (likelier != examples.labels)]
    order = doubtful[np.argsort(given[doubtful], kind="stable")][:MOST_DOUBTS]
    names = examples.classes
    return [
        Doubt(
            examples.paths[i],
            names[examples.labels[i]],
            names[likelier[i]],
            float(given[i]),
        )
        for i in order.tolist()
    ]
