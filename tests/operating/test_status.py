"""make status and make scale."""

import pytest

from tests.service import Service


def test_status(service: Service) -> None:
    done = service.manage("status")
    assert done.returncode == 0
    for word in ("ready", "READY", "fp32 with ncnn", str(service.worker_pids()[0])):
        assert word in done.stdout


@pytest.mark.parametrize("workers", ["0", "1000", "x"])
def test_scale_refuses(service: Service, workers: str) -> None:
    assert service.manage("scale", workers).returncode != 0
    assert len(service.worker_pids()) == 1
