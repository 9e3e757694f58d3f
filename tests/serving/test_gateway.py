"""What the gateway is told while it runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.serving.admin import Unreachable
from scripts.serving.changes import Changes, Wanted
from scripts.serving.gateway import Gateway
from scripts.serving.order import Order
from scripts.serving.run_directory import RunDirectory
from scripts.serving.settings import Settings

MODELS = {"a": Wanted(("a.mar",))}
OLD, NEW = "old0123456789abcdef", "new0123456789abcdef"


@pytest.mark.parametrize("file", ["routes", "envoy", "clusters"])
def test_keys_that_could_not_be_handed_over_are_tried_again(file: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.create()
    run.record(Changes(MODELS))
    ports = {"METRICS": 8083, "SUPERVISOR": 8084}
    gateway = Gateway(Settings(access_key=OLD), run, ports, lambda: {"a": 8}, None)
    order = Order(gateway._admin, lambda: {"a": 8}, lambda: None)

    def look() -> bool:
        """Whether clients get in with the new key; Envoy itself does not run."""
        with pytest.raises(Unreachable):
            gateway._look(order)
        return NEW in (run.gateway / "routes.json").read_text()

    assert not look()
    run.record(Changes(MODELS, access_key=NEW))
    full = run.gateway / f"{file}.json.partial"
    full.symlink_to("/dev/full")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            gateway._look(order)
    full.unlink()
    assert look()


def test_a_new_model_has_its_own_queue_and_routes(tmp_path: Path) -> None:
    """A queue before the routes that lead there; what leads to the others stays as it is."""
    run = RunDirectory(tmp_path)
    run.create()
    ports = {"METRICS": 8083, "SUPERVISOR": 8084}
    gateway = Gateway(Settings(), run, ports, dict, None)

    def told(file: str) -> list[Any]:
        resources: list[Any] = json.loads((run.gateway / f"{file}.json").read_text())["resources"]
        return resources

    run.record(Changes(MODELS))
    gateway._configure()
    [before] = told("clusters")
    run.record(Changes({**MODELS, "b.c": Wanted(("b.mar",))}))
    gateway._configure()
    assert [one["name"] for one in told("clusters")] == ["torchserve-a", "torchserve-b~c"]
    assert told("clusters")[0] == before
    [door] = told("routes")
    routes = door["virtual_hosts"][0]["routes"]
    for model, cluster in (("a", "torchserve-a"), ("b.c", "torchserve-b~c")):
        its = [
            one["route"]["cluster"] for one in routes if one.get("name") == model and "route" in one
        ]
        assert its == [cluster, cluster, "large", "large"]
