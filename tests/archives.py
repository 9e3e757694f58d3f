"""Archives for tests alone: the built one with something else in it."""

import zipfile
from pathlib import Path

PREPROCESSING = "handler/preprocessing.py"


def rebuilt(archive: Path, output: Path, version: str, **replaced: bytes) -> Path:
    """The archive as another version, with other files in it."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(output, "w") as target:
        for name in source.namelist():
            data = replaced.get(Path(name).name.replace(".", "_"), source.read(name))
            if name == "MAR-INF/MANIFEST.json":
                data = data.replace(
                    b'"modelVersion": "1.0"', f'"modelVersion": "{version}"'.encode()
                )
            target.writestr(zipfile.ZipInfo(name), data)
    return output


def with_fault(
    archive: Path, output: Path, ending: bytes, statement: str, version: str = "1.0"
) -> Path:
    """The archive, but a picture that ends so meets the statement before it is decoded."""
    with zipfile.ZipFile(archive) as contents:
        source = contents.read(PREPROCESSING).decode()
    source += f"""
_preprocess = Preprocessor.__call__
def faulty(self, data):
    if data.endswith({ending!r}):
        {statement}
    return _preprocess(self, data)
Preprocessor.__call__ = faulty
"""
    return rebuilt(archive, output, version, preprocessing_py=source.encode())
