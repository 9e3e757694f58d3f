"""250 labelled pictures through the gateway, beside PyTorch."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from scripts.packaging.reference import WEIGHTS, Reference
from tests.service import Service


@dataclass(frozen=True)
class Agreement:
    """Of 250 labelled pictures, an archive's answers beside PyTorch's."""

    same: int  # best classes
    close: int  # pictures without a probability that differs by 0.01
    ours: dict[int, int]  # top-k accuracy
    theirs: dict[int, int]


@pytest.fixture(scope="module")
def expected(reference: Reference, labelled: list[tuple[Path, int]]) -> Tensor:
    """PyTorch float32 with torchvision's own transforms: probabilities [250, 1000]."""
    preset = WEIGHTS.transforms()
    probabilities = []
    for path, _ in tqdm(labelled, desc="PyTorch", unit="picture"):
        image = ImageOps.exif_transpose(Image.open(path))  # one was taken with a turned camera
        with torch.inference_mode():
            probabilities.append(reference.network(preset(image.convert("RGB"))[None])[0][0])
    return torch.stack(probabilities)


def agreement(service: Service, labelled: list[tuple[Path, int]], expected: Tensor) -> Agreement:
    def predict(row: tuple[Path, int]) -> list[dict[str, float]]:
        url = f"{service.url}/predictions/resnet18?top_k=1000"
        response = requests.post(url, row[0].read_bytes(), timeout=60)
        assert response.status_code == 200, row[0]
        answer: list[dict[str, float]] = response.json()
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(predict, labelled))
    probabilities = torch.zeros_like(expected)
    for row, items in zip(probabilities, answers, strict=True):
        row[[int(item["class_id"]) for item in items]] = torch.tensor(
            [item["confidence"] for item in items]
        )
    class_ids = torch.tensor([class_id for _, class_id in labelled])[:, None]

    def accuracy(of: Tensor) -> dict[int, int]:
        return {k: int((of.topk(k).indices == class_ids).sum()) for k in (1, 3)}

    result = Agreement(
        int((probabilities.argmax(1) == expected.argmax(1)).sum()),
        int(((probabilities - expected).abs().amax(1) < 0.01).sum()),
        accuracy(probabilities),
        accuracy(expected),
    )
    print(result)
    return result


def test_fp32_agrees_with_pytorch(
    service: Service, labelled: list[tuple[Path, int]], expected: Tensor
) -> None:
    result = agreement(service, labelled, expected)
    assert result.same >= 249
    assert result.close >= 0.97 * 250
    assert abs(result.ours[1] - result.theirs[1]) <= 1
    assert abs(result.ours[3] - result.theirs[3]) <= 1


def test_int8_is_nearly_as_right(
    int8_service: Service, labelled: list[tuple[Path, int]], expected: Tensor
) -> None:
    result = agreement(int8_service, labelled, expected)
    assert result.same >= 0.90 * 250
    assert result.ours[1] >= result.theirs[1] - 0.015 * 250
    assert result.ours[3] >= result.theirs[3] - 0.015 * 250
