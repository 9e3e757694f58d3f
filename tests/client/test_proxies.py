"""What the environment says of proxies and passwords."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.classifier import Classifier
from client.errors import ServiceError
from scripts.serving.ports import free_port
from tests.client.foreign import Foreign, answer, foreign

PASSWORD = "pa55-w0rd"
ITEM = {"class": "tabby", "class_zh": "虎斑猫", "class_id": 281, "wnid": "n1", "confidence": 0.5}
GOOD = json.dumps([ITEM]).encode()


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Foreign]:
    """Named by the environment, and a password for everybody in ~/.netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login me password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with foreign(answer(200, GOOD)) as server:
        monkeypatch.setenv("http_proxy", server.url)
        yield server


@pytest.mark.parametrize("key", ["3f9c1d2e", None])
def test_netrc_is_not_read(proxy: Foreign, key: str | None) -> None:
    Classifier("http://pictures.test", access_key=key).classify(b"picture")
    [head] = proxy.heads
    assert head.startswith("POST http://pictures.test/predictions/resnet18 ")
    sent = [line for line in head.splitlines() if line.lower().startswith("authorization")]
    assert sent == ([f"Authorization: Bearer {key}"] if key else [])


def test_no_proxy_leads_to_this_machine(proxy: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    with foreign(answer(200, GOOD)) as server:
        port = server.server_address[1]
        for host in ("127.0.0.1", "localhost"):
            Classifier(f"http://{host}:{port}").classify(b"picture")
    assert not proxy.heads
    monkeypatch.setenv("no_proxy", "pictures.invalid")
    with pytest.raises(ServiceError):
        Classifier("http://pictures.invalid", patience=0).classify(b"picture")
    assert not proxy.heads
    Classifier("http://127.evil.test").classify(b"picture")
    assert len(proxy.heads) == 1


def test_a_proxy_s_password_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in (f"http://me:{PASSWORD}@[bad", f"http://me:{PASSWORD}@127.0.0.1:{free_port()}",
                  f"socks5://me:{PASSWORD}@127.0.0.1:1", f"http://me:{PASSWORD}@"):  # fmt: skip
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(ServiceError) as caught:
            Classifier("http://pictures.test", patience=0).classify(b"picture")
        assert PASSWORD not in str(caught.value)
