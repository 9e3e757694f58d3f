"""What the gateway is told while it runs."""

from pathlib import Path

import pytest

from scripts.serving.admin import Unreachable
from scripts.serving.gateway import Gateway
from scripts.serving.order import Order
from scripts.serving.run_directory import Changes, RunDirectory
from scripts.serving.settings import Settings

OLD, NEW = "old0123456789abcdef", "new0123456789abcdef"


@pytest.mark.parametrize("file", ["routes", "envoy"])
def test_keys_that_could_not_be_handed_over_are_tried_again(file: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.create()
    run.record(Changes())
    ports = {"METRICS": 8083, "SUPERVISOR": 8084}
    gateway = Gateway(Settings(access_key=OLD), run, "resnet18", ports, lambda: 8, None)
    order = Order(gateway._admin, lambda: 8, lambda: None)

    def look() -> bool:
        """Whether clients get in with the new key; Envoy itself does not run."""
        with pytest.raises(Unreachable):
            gateway._look(order)
        return NEW in (run.gateway / "routes.json").read_text()

    assert not look()
    run.record(Changes(access_key=NEW))
    full = run.gateway / f"{file}.json.partial"
    full.symlink_to("/dev/full")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            gateway._look(order)
    full.unlink()
    assert look()
