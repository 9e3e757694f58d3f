import numpy as np
import pytest

from handler.model_card import Agreement
from scripts.packaging.agreement import Disagreement, check_fp32, check_int8, measure, sentence

PYTORCH = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], np.float32)
# Another best class for the last picture.
ENGINE = np.array([[0.75, 0.15, 0.1], [0.1, 0.8, 0.1], [0.5, 0.1, 0.4]], np.float32)


def test_what_is_measured() -> None:
    assert measure(ENGINE, PYTORCH, None) == {
        "pictures": 3,
        "max_probability_difference": 0.2,
        "same_best_class": 2,
    }


def test_with_the_right_classes() -> None:
    agreement = measure(ENGINE, PYTORCH, [0, 2, 2])
    assert (agreement["top1"], agreement["top1_of_pytorch"]) == (1, 2)


def test_sentence() -> None:
    assert sentence(measure(ENGINE, PYTORCH, [0, 2, 2])) == (
        "agreement with PyTorch: same best class on 2 of 3 pictures, probabilities differ by at "
        "most 2.0e-01; 1 classified correctly, 2 by PyTorch"
    )
    assert "correctly" not in sentence(measure(ENGINE, PYTORCH, None))


def agreement(**values: float) -> Agreement:
    whole = {"pictures": 100, "max_probability_difference": 0.0, "same_best_class": 100}
    return {**whole, **values}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        ({"same_best_class": 90}, ""),
        ({"same_best_class": 89}, "fewer than 90% of the pictures; nothing was packed"),
        ({"same_best_class": 95, "top1": 78, "top1_of_pytorch": 80}, ""),
        ({"same_best_class": 95, "top1": 77, "top1_of_pytorch": 80}, "below 97% of PyTorch's"),
    ],
)
def test_limits_of_int8(measured: dict[str, int], sentence: str) -> None:
    if not sentence:
        check_int8(agreement(**measured))
        return
    with pytest.raises(Disagreement, match="CALIBRATION=folder") as caught:
        check_int8(agreement(**measured))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("difference", [1e-4, float("nan")])
def test_limit_of_fp32(difference: float) -> None:
    check_fp32(agreement(max_probability_difference=9e-5))
    with pytest.raises(Disagreement, match="nothing was packed"):
        check_fp32(agreement(max_probability_difference=difference))
