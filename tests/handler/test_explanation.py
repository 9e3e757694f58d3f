"""Class activation maps, against Grad-CAM by PyTorch's autograd."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
import torch
from numpy.typing import NDArray

from handler.decoding import decode
from handler.explanation import class_activation_maps, explain
from handler.labels import Label
from handler.ranking import rank
from handler.resizing import network_input
from scripts import SAMPLES
from scripts.packaging.reference import Reference, torchvision
from tests.service import Service, error

CAT = (SAMPLES / "cat.jpg").read_bytes()
PREDICTION, EXPLANATION = "/predictions/resnet18", "/explanations/resnet18"


def grad_cam(reference: Reference, data: bytes, class_id: int) -> NDArray[np.float32]:
    """Selvaraju et al., ICCV 2017, equations 1 and 2, on the last block; the greatest is 1."""
    resnet = reference.network.resnet
    kept: list[torch.Tensor] = []
    hook = resnet.layer4.register_forward_hook(lambda *arguments: kept.append(arguments[-1]))
    picture = torch.tensor(network_input(*decode(data)))[None].permute(0, 3, 1, 2).float() / 255
    logits = resnet((picture - reference.mean) / reference.std)
    hook.remove()
    [maps] = kept
    [gradients] = torch.autograd.grad(logits[0, class_id], maps)
    weights = gradients.mean((2, 3), keepdim=True)
    cam = torch.relu((weights * maps).sum(1))[0]
    return (cam / cam.max()).detach().numpy()


def explanation(service: Service, data: bytes, **options: str) -> requests.Response:
    url = service.url + EXPLANATION
    return requests.post(url, data, headers=options, timeout=60)


def test_map_is_grad_cam(service: Service, reference: Reference, samples: list[bytes]) -> None:
    worst = 0.0
    for data in samples:
        for item in explanation(service, data, **{"X-Top-K": "5"}).json():
            expected = grad_cam(reference, data, item["class_id"])
            worst = max(worst, np.abs(np.array(item["heatmap"]) - expected).max())
    print(f"maps of {len(samples)} pictures, 5 classes each: at most {worst:.4f} from Grad-CAM")
    # Rounding leaves 0.0005; JPEGs of some samples are decoded at a fraction, as the model's are.
    assert worst < 0.002


def test_int8_map_resembles_grad_cam(
    int8_service: Service, reference: Reference, samples: list[bytes]
) -> None:
    correlations = []
    for data in samples:
        best = explanation(int8_service, data).json()[0]
        expected = grad_cam(reference, data, best["class_id"])
        correlations.append(np.corrcoef(np.ravel(best["heatmap"]), expected.ravel())[0, 1])
    print("int8: correlation with Grad-CAM", np.round(correlations, 3).tolist())
    assert min(correlations) > 0.95


def test_items_are_those_of_a_prediction(service: Service, samples: list[bytes]) -> None:
    for data in samples:
        items = explanation(service, data).json()
        maps = [item.pop("heatmap") for item in items]
        assert np.shape(maps) == (3, 7, 7)
        assert np.min(maps) >= 0
        assert np.max(maps, (1, 2)) == pytest.approx(1)
        assert items == service.predict(data).json()


@pytest.mark.parametrize("address", ["/1.0", "?top_k=7", "/1.0?top_k=7"])
def test_version_and_top_k(service: Service, address: str) -> None:
    response = requests.post(service.url + EXPLANATION + address, CAT, timeout=60)
    assert len(response.json()) == (7 if "top_k" in address else 3)
    assert "heatmap" in response.json()[0]


def test_both_calls_in_one_batch(service: Service) -> None:
    """Only those who ask for maps get them, whoever else is in the batch."""

    def post(path: str) -> list[dict[str, object]]:
        items: list[dict[str, object]] = requests.post(service.url + path, CAT, timeout=60).json()
        return items

    paths = [PREDICTION, EXPLANATION] * 16
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(post, paths))
    assert ["heatmap" in items[0] for items in answers] == [path == EXPLANATION for path in paths]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "empty_body")),
        (b"no picture", (415, "unsupported_format")),
        (CAT[:9000], (422, "corrupt_picture")),
        (bytes(5_000_001), (413, "body_too_large")),
    ],
    ids=["empty", "text", "cut off", "too large"],
)
def test_bad_pictures(service: Service, body: bytes, expected: tuple[int, str]) -> None:
    assert error(explanation(service, body)) == expected


def test_a_header_asks_for_nothing(service: Service) -> None:
    """The one by which TorchServe tells the handler passes no gateway."""
    items = service.predict(CAT, headers={"explain": "True", "Explain": "True"}).json()
    assert "heatmap" not in items[0]


def test_nothing_speaks_for_a_class() -> None:
    maps = class_activation_maps(
        np.ones((512, 7, 7), np.float32), np.full((1, 512), -1, np.float32)
    )
    assert maps.tolist() == np.zeros((1, 7, 7)).tolist()


def test_own_classes() -> None:
    torch.manual_seed(0)
    reference = Reference(torchvision.models.resnet18(num_classes=4).state_dict())
    data = (SAMPLES / "coffee.jpg").read_bytes()
    with torch.inference_mode():
        probabilities, maps = reference(torch.tensor(network_input(*decode(data)))[None])
    labels = [Label(name, None, None) for name in "abcd"]
    ranked = rank(probabilities[0].numpy(), labels, 4)
    rows = reference.classifier[[item["class_id"] for item in ranked]]
    items = explain(ranked, class_activation_maps(maps[0].numpy(), rows))
    for item in items:
        expected = grad_cam(reference, data, item["class_id"])
        assert np.abs(np.array(item["heatmap"]) - expected).max() < 0.001
