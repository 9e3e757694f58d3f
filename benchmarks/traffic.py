"""The requests of a day: pictures in every body form and format, and one in ten that is wrong."""

import base64
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from urllib3 import encode_multipart_formdata

PREDICT = "/predictions/resnet18"
BAD = 0.1  # their share
LARGE = (4000, 3000)  # pixels: a phone's 12 megapixels


@dataclass(frozen=True)
class Request:
    """What to send, and the status that must come back."""

    kind: str
    status: int
    body: bytes | None = None
    path: str = PREDICT
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)


def requests(pictures: Sequence[Path], seed: int) -> Callable[[], Request]:
    """A source of requests; the same seed gives the same ones."""
    source = random.Random(seed)
    good = list(GOOD)

    def next_request() -> Request:
        picture = source.choice(pictures).read_bytes()
        if source.random() < BAD:
            return source.choice(WRONG)(picture)
        return source.choices(good, list(GOOD.values()))[0](picture)

    return next_request


def raw(picture: bytes) -> Request:
    return Request("JPEG", 200, picture)


def multipart(picture: bytes) -> Request:
    body, content_type = encode_multipart_formdata({"file": ("a.jpg", picture)}, "boundary")
    return Request("form", 200, body, headers={"Content-Type": content_type})


def as_json(picture: bytes) -> Request:
    document = {"data": base64.b64encode(picture).decode()}
    return Request("JSON", 200, json.dumps(document).encode())


def other_format(format: str) -> Callable[[bytes], Request]:
    def converted(picture: bytes) -> Request:
        file = io.BytesIO()
        Image.open(io.BytesIO(picture)).convert("RGB").resize((320, 240)).save(file, format)
        return Request(format, 200, file.getvalue())

    return converted


def large(picture: bytes) -> Request:
    file = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").resize(LARGE).save(file, "JPEG", quality=60)
    return Request("12 megapixels", 200, file.getvalue())


GOOD: dict[Callable[[bytes], Request], int] = {
    raw: 70,
    multipart: 8,
    as_json: 8,
    **{other_format(name): 3 for name in ("PNG", "WEBP", "GIF", "BMP")},
    large: 1,
}
WRONG: list[Callable[[bytes], Request]] = [
    lambda _: Request("empty", 400, b""),
    lambda _: Request("text", 415, b"This is not a picture."),
    lambda picture: Request("truncated", 422, picture[: len(picture) // 2]),
    lambda _: Request("bad JSON", 400, b'{"data": 1}'),
    lambda _: Request("bad form", 400, b"x", headers={"Content-Type": "multipart/form-data"}),
    lambda picture: Request("bad top_k", 400, picture, PREDICT + "?top_k=0"),
    lambda picture: Request("too large", 413, picture.ljust(6_000_000)),
    lambda picture: Request("unknown model", 404, picture, "/predictions/nothing"),
    lambda _: Request("wrong method", 405, method="GET"),
]
