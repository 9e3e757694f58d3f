"""Which picture format a file is in, by the bytes that it begins with."""


def picture_format(data: bytes) -> str | None:
    """Pillow's name of the supported format that `data` begins like, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    # Text can begin like this too; but the header's size, of 4 bytes, is a small number.
    if data.startswith(b"BM") and data[15:18] == bytes(3):
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data[4:8] == b"ftyp" and _has_avif_brand(data):
        return "AVIF"
    return None


def _has_avif_brand(data: bytes) -> bool:
    """Whether the file-type box (ISO/IEC 14496-12, 4.3) names AVIF, as major brand or compatible.

    HEIC has the same box with other brands.
    """
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    return bool(brands & {b"avif", b"avis"})
