"""What a body is that holds no picture, so that its sender is told what to send instead."""

import re

from handler.errors import StrippedPicture, WrongPacking

SEND = "Send the picture's own bytes, as curl --data-binary @picture.jpg does"
FETCH = f"Download the picture first. {SEND}"
OPEN = "Perhaps a download got it instead of a picture: open the file to see what it says"

CONVERT = "The service does not read this kind: export it as a JPEG or PNG"

# What a body begins with: what it is, and what to do.
_PACKINGS = {
    re.compile(pattern, re.IGNORECASE): said
    for pattern, said in {
        rb"\x1f\x8b": ("The body is compressed with gzip, which the service does not unpack", SEND),
        rb"\x28\xb5\x2f\xfd": ("The body is compressed with zstd, which is not unpacked", SEND),
        # U+FFFD, \xef\xbf\xbd, for what is not UTF-8 (its first two bytes are stripped like those
        # of a byte order mark), or Latin-1's letters in UTF-8.
        rb"\xbd(?:\xef\xbf\xbd|PNG)|\xc3\xbf\xc3\x98\xc3\xbf|\xc2\x89PNG": (
            "The picture was read or sent as text, which changes its bytes",
            SEND,
        ),
        rb"PK\x03\x04": ("This is a ZIP archive", "Unpack it and send its pictures one by one"),
        rb"https?://\S+\s*\Z": ("This is an address, and the service fetches nothing", FETCH),
        rb"@?[\w ./\\:~-]{1,250}\.(?:jpe?g|jfif|png|webp|gif|bmp|tiff?|avif)\s*\Z": (
            "This is the name of a file, not what is in it",
            SEND,
        ),
        rb"(?s:.{4})ftyp(?:hei|hev|mif|msf)": ("This is a HEIC photo", CONVERT),
        rb"\xff\x0a|\0\0\0\x0cJXL ": ("This is a JPEG XL picture", CONVERT),
        rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ": ("This is a JPEG 2000 picture", CONVERT),
        rb"8BPS": ("This is a Photoshop file", CONVERT),
        rb"%PDF-": ("This is a PDF document", CONVERT),
        rb"<svg|<\?xml[^\0]*<svg": ("This is an SVG drawing", "Save it as PNG and send that"),
        rb"<!doctype html|<html": ("This is a web page", OPEN),
        rb"<\?xml": ("This is XML, which the service does not read", SEND),
    }.items()
}

# How the formats begin, without what curl -d strips.
_STRIPPED = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*", b"MM*")


def refuse_known_packing(body: bytes) -> None:
    """Raise a ClientError where it can be said what this is."""
    # A file of any format has zeros: in a length, for one.
    if body.startswith(_STRIPPED) and not body.isascii() and not re.search(rb"[\0\r\n]", body):
        raise StrippedPicture
    begin = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, said in _PACKINGS.items():
        if pattern.match(begin):
            raise WrongPacking(*said)
