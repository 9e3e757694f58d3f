"""Settings: from the environment and from options, and what is refused in one sentence."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.serving import variables as v
from scripts.serving.settings import Settings
from scripts.serving.variables import BadSetting


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    v.add_options(parser, Settings)
    return parser.parse_args(arguments)


def test_an_option_wins_over_the_environment() -> None:
    settings = Settings.of({"PORT": "9000", "THREADS": "2"}, options("--port", "9001"))
    assert (settings.port, settings.threads) == (9001, 2)


def test_a_domain_changes_the_defaults() -> None:
    settings = Settings.of({"DOMAIN": "pictures.test"})
    assert (settings.host, settings.port) == ("0.0.0.0", 443)
    assert settings.url == "https://pictures.test"


@pytest.mark.parametrize("text", ["1", "yes", "TRUE", "on"])
def test_switched_on(text: str) -> None:
    assert Settings.of({"MODEL_API": text}).model_api


@pytest.mark.parametrize("text", ["", "0", "no", "False", "off"])
def test_switched_off(text: str) -> None:
    assert not Settings.of({"MODEL_API": text, "ACCESS_LOG": text}).access_log


def test_options_that_switch() -> None:
    assert Settings.of({}, options("--model-api")).model_api
    assert not Settings.of({"MODEL_API": "1"}, options("--model-api", "no")).model_api


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("localhost", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://127.0.0.1:80"),
        ("[::1]", "http://[::1]:80"),
    ],
)
def test_addresses(host: str, url: str) -> None:
    assert Settings.of({"HOST": host, "PORT": "80"}).local_url == url


def test_a_name_counts_once() -> None:
    assert Settings.of({"HOSTS": "a.test B.test a.test"}).hosts == "a.test b.test"


BAD = ["", " ", "a b", '"', "'", "a\nb", "é", "maybe", "-1", "99999999999", "\0"]
FITTING = {  # which of them are right for a variable
    "ARCHIVE": {"a b", '"', "'", "é", "maybe", "-1", "99999999999"},
    "HOSTS": {"a b", "maybe", "99999999999"},
    "DOMAIN": {"maybe", "99999999999"},
    "MODELS": {"maybe", "99999999999"},
    "MODEL_API": {"", " "},
    "ACCESS_LOG": {"", " "},
}


@pytest.mark.parametrize("text", BAD, ids=repr)
@pytest.mark.parametrize("name", [one.name for one in v.variables(Settings)])
def test_what_can_not_be_used_is_named(name: str, text: str) -> None:
    environment = {"DOMAIN": "pictures.test"} if name in ("CERTIFICATE", "PRIVATE_KEY") else {}
    if text in FITTING.get(name, ()):
        Settings.of(environment | {name: text})
        return
    with pytest.raises(BadSetting) as refused:
        Settings.of(environment | {name: text})
    sentence = str(refused.value)
    assert sentence.startswith(name)
    assert len(sentence.splitlines()) == 1
    if name == "ACCESS_KEY" and len(text) > 2:
        assert text not in sentence


@pytest.mark.parametrize("port", ["0", "65536", "x", "8 0"])
def test_an_option_is_named_as_it_was_given(port: str) -> None:
    with pytest.raises(BadSetting, match=r"^--port="):
        Settings.of({"PORT": "1"}, options("--port", port))


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PRIVATE_KEY": "{pem}"}, "PRIVATE_KEY needs a certificate"),
        ({"CERTIFICATE": "{pem}"}, "set DOMAIN="),
        ({"CERTIFICATE": "{pem}", "DOMAIN": "a.test"}, "has no certificate in PEM form"),
        ({"DOMAIN": "a.test", "PORT": "8443"}, "port 443"),
        ({"DOMAIN": "a.test b.test"}, "one name"),
    ],
)
def test_what_does_not_fit_together(
    environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    pem = tmp_path / "x.pem"
    pem.write_text("no certificate")
    with pytest.raises(BadSetting) as refused:
        Settings.of({name: text.format(pem=pem) for name, text in environment.items()})
    assert sentence in str(refused.value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "PORT": st.integers(1, 65535).map(str),
            "HOST": st.sampled_from(["127.0.0.1", "0.0.0.0", "::1"]),
            "HOSTS": st.sampled_from(["a.test", "*.a.test b.test"]),
            "ACCESS_KEY": st.text("abcABC019._~+/=-", min_size=16, max_size=60),
            "WORKERS": st.integers(1, 4).map(str),
            "MODEL_API": st.sampled_from(["0", "1", "yes"]),
            "ARCHIVE": st.text("ab ü'\"$", min_size=1).filter(str.strip),
        },
    )
)
def test_the_environment_made_from_settings_gives_them_again(environment: dict[str, str]) -> None:
    settings = Settings.of(environment)
    assert Settings.of(v.environment_of(settings)) == settings
    assert not set(v.without(Settings, v.environment_of(settings)))


def test_a_secret_is_no_option() -> None:
    with pytest.raises(SystemExit):
        options("--access-key", "x" * 20)
