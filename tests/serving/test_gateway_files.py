"""What the gateway is told: patterns that match what they should, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.serving.gateway_files import PASSED, names, nothing_but
from scripts.serving.settings import Settings

OTHERS = re.compile(nothing_but(PASSED))


@pytest.mark.parametrize("name", [*PASSED, ":path", ":method", ":authority"])
def test_headers_that_pass(name: str) -> None:
    assert not OTHERS.fullmatch(name)


@given(st.text("abcdefghijklmnopqrstuvwxyz-_0123456789", min_size=1))
def test_all_others_do_not(name: str) -> None:
    assert bool(OTHERS.fullmatch(name)) == (name not in PASSED)


@given(st.sampled_from(sorted(PASSED)), st.integers(0, 30), st.sampled_from("ax-"))
def test_nor_what_looks_like_them(name: str, cut: int, letter: str) -> None:
    for near in (name[:cut], name + letter, letter + name, name[:cut] + letter + name[cut:]):
        assert bool(OTHERS.fullmatch(near)) == (near not in PASSED)


@pytest.mark.parametrize("hosts", [None, "pictures pictures.lan *.pictures.lan"])
def test_names_are_no_patterns(hosts: str | None) -> None:
    pattern = re.compile(names(Settings(hosts=hosts, domain="a.test")))
    for ours in ("localhost", "LOCALHOST:80", "a.test", "10.0.0.1:8000", "[::1]:8000"):
        assert pattern.fullmatch(ours)
    assert pattern.fullmatch("a.test.:80")  # with the root's dot
    assert not pattern.fullmatch("a.test..")
    for other in ("axtest", "a.test.evil", "b.a.test", "localhost:", "evil.test:127.0.0.1", ""):
        assert not pattern.fullmatch(other)
    for given_name in ("pictures", "pictures.lan", "x.pictures.lan"):
        assert bool(pattern.fullmatch(given_name)) == (hosts is not None)
    assert not pattern.fullmatch("x.y.pictures.lan")
