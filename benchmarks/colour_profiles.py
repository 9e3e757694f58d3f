"""What it would change to apply the colour profiles that pictures bring along.

`python -m benchmarks.colour_profiles` stores labelled pictures in other colour spaces, and compares
what the network sees and says of them with the profile applied and with it ignored, as the handler
does; then the same for those pictures that have a profile of their own other than sRGB.
"""

import argparse
import csv
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms

from handler.decoding import decode
from handler.resizing import network_input
from scripts import ROOT
from scripts.packaging.reference import Reference, load_reference

# Red, green and blue in XYZ as seen under D50, as ICC profiles have them; the gamma.
SPACES = {
    "Display P3": ((0.5151, 0.2412, -0.0011, 0.2920, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841), 2.2),
    "Adobe RGB": ((0.6097, 0.3111, 0.0195, 0.2053, 0.6257, 0.0609, 0.1492, 0.0632, 0.7446), 2.2),
    "ProPhoto RGB": ((0.7977, 0.2880, 0.0, 0.1352, 0.7119, 0.0, 0.0313, 0.0001, 0.8249), 1.8),
}
WHITE = (0.9642, 1.0, 0.8249)
IMAGES = ROOT.parent / "shared" / "images"
Profile = ImageCms.ImageCmsProfile
SRGB = Profile(ImageCms.createProfile("sRGB"))


def profile(primaries: tuple[float, ...], gamma: float) -> Profile:
    """A matrix profile (ICC.1, 8.3.3), as little as Little-CMS reads."""

    def fixed(*numbers: float) -> bytes:
        return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))

    places = {b"rXYZ": primaries[:3], b"gXYZ": primaries[3:6], b"bXYZ": primaries[6:]}
    tags = {name: b"XYZ " + bytes(4) + fixed(*xyz) for name, xyz in places.items()}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + fixed(*WHITE)
    curve = b"curv" + bytes(4) + struct.pack(">IH2x", 1, round(gamma * 256))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value
    head = struct.pack(">I4sI", start + len(data), b"lcms", 0x04000000) + b"mntrRGB XYZ "
    head = (head + bytes(12) + b"acsp").ljust(68, b"\0") + fixed(*WHITE)
    return Profile(io.BytesIO(head.ljust(128, b"\0") + table + data))


def converted(image: Image.Image, source: Profile, target: Profile) -> Image.Image:
    result = ImageCms.profileToProfile(image, source, target)
    assert result
    return result


def own_profile(path: Path) -> Profile | None:
    """Of a picture in RGB, where it is not sRGB's."""
    with Image.open(path) as image:
        data = image.info.get("icc_profile")
        if not data or image.mode != "RGB":
            return None
    found = Profile(io.BytesIO(data))
    return None if "srgb" in ImageCms.getProfileDescription(found).lower() else found


def compare(
    name: str, pictures: Iterator[tuple[Path, Image.Image, Profile]], reference: Reference
) -> None:
    labels = dict(csv.reader((IMAGES / "labels.tsv").open(), delimiter="\t"))
    rows = []
    for path, image, source in pictures:
        ignored = network_input(image)
        applied = network_input(converted(image, source, SRGB))
        with torch.no_grad():
            answers, _ = reference(torch.from_numpy(np.stack([ignored, applied])))
        best, label = answers.argmax(1), int(labels[path.name])
        difference = np.abs(ignored.astype(int) - applied).mean()
        greatest = float((answers[0] - answers[1]).abs().max())
        rows.append((difference, greatest, best[0] != best[1], best[1] == label, best[0] == label))
    levels, greatest, other, applied, ignored = map(np.array, zip(*rows, strict=True))
    print(
        f"{name}: {len(rows)} pictures, {levels.mean():.1f} levels, {other.sum()} other best "
        f"classes, probabilities up to {greatest.max():.2f}; right with the profile "
        f"{applied.sum()}, without {ignored.sum()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=250)
    options = parser.parse_args()
    reference = load_reference(options.weights)
    paths = sorted(IMAGES.glob("*.jpg"))[: options.pictures]
    own = {path: found for path in paths if (found := own_profile(path))}

    def read(path: Path) -> Image.Image:
        return decode(path.read_bytes()).image.convert("RGB")

    compare("Their own", ((path, read(path), own[path]) for path in own), reference)
    for name, space in SPACES.items():
        target = profile(*space)
        pictures = (
            (path, converted(read(path), SRGB, target), target) for path in paths if path not in own
        )
        compare(name, pictures, reference)


if __name__ == "__main__":
    main()
