"""DOMAIN alone: a certificate from an authority that is asked as Let's Encrypt is (ACME).

The authority is Caddy's own, and the domain leads to this machine: all in a namespace with its own
network and its own /etc/hosts.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ROOT, SAMPLES
from scripts.serving.acme import CADDY
from tests.network import isolated

DOMAIN, AUTHORITY = "pictures.test", 9443

# In the namespace: $1 folder, $2 python, $3 archive.
SCRIPT = f"""
set -e
mount --bind "$1/hosts" /etc/hosts
"{CADDY}" run --config "$1/authority.json" 2> "$1/authority.log" &
authority=$!
trap 'kill $authority' EXIT
export SSL_CERT_FILE="$1/authority/pki/authorities/local/root.crt"
for _ in $(seq 100); do [ -s "$SSL_CERT_FILE" ] && break; sleep 0.1; done
export DOMAIN={DOMAIN} ACME_DIRECTORY=https://localhost:{AUTHORITY}/acme/local/directory
"$2" -m scripts.service start --run-directory "$1/run" --archive "$3"
curl -sS --cacert "$SSL_CERT_FILE" --data-binary @"{SAMPLES}/cat.jpg" https://{DOMAIN}/predictions/resnet18
curl -sS -o /dev/null -w '\\n%{{http_code}} %{{redirect_url}}\\n' "http://{DOMAIN}/a?b=c"
"$2" -m scripts.service stop --run-directory "$1/run"
"""


def authority(folder: Path) -> dict[str, object]:
    """Caddy's configuration as an ACME server with an authority of its own."""
    local = {"local": {"install_trust": False}}
    route = {
        "match": [{"host": ["localhost"]}],
        "handle": [{"handler": "acme_server", "ca": "local"}],
    }
    server = {
        "listen": [f"127.0.0.1:{AUTHORITY}"],
        "routes": [route],
        "tls_connection_policies": [{}],
        "automatic_https": {"disable_redirects": True},
    }
    own = {"subjects": ["localhost"], "issuers": [{"module": "internal"}]}
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "storage": {"module": "file_system", "root": str(folder / "authority")},
        "apps": {
            "pki": {"certificate_authorities": local},
            "http": {"servers": {"authority": server}},
            "tls": {"automation": {"policies": [own]}},
        },
    }


@pytest.mark.started
def test_a_certificate_is_obtained(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(f"127.0.0.1 localhost {DOMAIN}\n")
    (tmp_path / "authority.json").write_text(json.dumps(authority(tmp_path)))
    arguments = [str(tmp_path), sys.executable, str(archive)]
    done = subprocess.run(
        isolated(["sh", "-c", SCRIPT, "sh", *arguments], has_mounts=True),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"Ready: https://{DOMAIN} (no access key: anyone who reaches it can use it)\n"
        in done.stdout
    )
    assert "Egyptian cat" in done.stdout
    assert f"308 https://{DOMAIN}/a?b=c" in done.stdout
    assert "Stopped" in done.stdout
