import pytest
from PIL import Image

from scripts import SAMPLES


@pytest.fixture(scope="session")
def mosaic() -> Image.Image:
    """Photographs side by side: 4,200 x 3,150 pixels as sharp as a camera's."""
    canvas = Image.new("RGB", (4200, 3150))
    samples = [Image.open(path).resize((600, 450)) for path in sorted(SAMPLES.glob("*.jpg"))]
    for i in range(49):
        canvas.paste(samples[(i * 5 + i // 7) % len(samples)], (i % 7 * 600, i // 7 * 450))
    return canvas
