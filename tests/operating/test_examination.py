"""What a new version has to reach on labelled pictures, and what is said when it does not."""

from pathlib import Path

import pytest
from scipy.stats import binomtest

from client.errors import ServiceError
from scripts.operating.examination import Marks, Required, judged

FOLDER = Path("labelled")


def verdict(required: Required, new: str, before: str | None) -> str:
    """Marks as letters: + right, - wrong, ? not read."""
    values = {"+": True, "-": False, "?": None}
    files = [Path(f"{i}.jpg") for i in range(len(new))]
    marks = [values[letter] for letter in new]
    older = Marks("1.0", [values[letter] for letter in before]) if before else None
    return judged(required, files, Marks("2.0", marks), older)


def test_what_is_as_good_passes_with_its_figures() -> None:
    found = verdict(Required(FOLDER, 0.7), "++++-+++-+", "+++++++--+")
    assert found == (
        "Of 10 labelled pictures version 2.0 gets 8 right (accuracy 0.800, 95 %: 0.490 to 0.943), "
        "and version 1.0 8; right only now: 1, only before: 1 (McNemar's exact p = 1)"
    )


def test_exactly_what_is_required_passes() -> None:
    assert "(accuracy 0.900," in verdict(Required(FOLDER, 0.9), "+" * 9 + "-", None)


def test_less_than_required_is_refused_by_the_pictures() -> None:
    with pytest.raises(ServiceError, match=r"0\.95 is required\. Wrong: 1\.jpg, 3\.jpg") as refusal:
        verdict(Required(FOLDER, 0.95), "+-+-++", None)
    assert refusal.value.type == "not_accurate"


def test_of_many_wrong_ones_the_first_ten_are_named() -> None:
    with pytest.raises(ServiceError, match=r"9\.jpg and 90 more$"):
        verdict(Required(FOLDER, 0.5), "-" * 100, None)


@pytest.mark.parametrize("lost", [4, 5, 6, 7])
def test_worse_than_chance_explains_is_refused(lost: int) -> None:
    """Though the share that is required is reached: it is not two bare numbers."""
    new, before = "+" * 90 + "-" * lost, "+" * (90 + lost)
    is_worse = binomtest(0, lost).pvalue < 0.05
    if not is_worse:
        assert f"only before: {lost} " in verdict(Required(FOLDER, 0.9), new, before)
        return
    with pytest.raises(ServiceError, match=r"it is worse\. Wrong only now: 90\.jpg") as refusal:
        verdict(Required(FOLDER, 0.9), new, before)
    assert refusal.value.type == "worse"


@pytest.mark.parametrize(("won", "is_enough"), [(0, False), (5, False), (6, True)])
def test_better_has_to_be_more_than_chance(won: int, is_enough: bool) -> None:
    required = Required(FOLDER, better=True)
    new, before = "+" * 50, "+" * (50 - won) + "-" * won
    if is_enough:
        assert f"right only now: {won}," in verdict(required, new, before)
        return
    with pytest.raises(ServiceError, match="not surely better") as refusal:
        verdict(required, new, before)
    assert refusal.value.type == "not_better"


def test_what_neither_reads_does_not_count_and_what_one_reads_does() -> None:
    found = verdict(Required(FOLDER), "+??-", "+?+-")
    assert found.startswith("Of 3 labelled pictures version 2.0 gets 1 right")
    with pytest.raises(ServiceError, match="No picture of labelled can be read"):
        verdict(Required(FOLDER), "??", "??")
