"""What is recorded of each model, and which access keys are valid."""

import time
from dataclasses import replace

import pytest

from scripts.serving.changes import Changes, Wanted

A, B, C = (Wanted((f"{name}.mar",)) for name in "abc")


def test_a_change_of_one_model_leaves_the_others_and_their_order() -> None:
    changes = Changes({"a": A, "b": B})
    assert list(changes.with_model("a", C).models.items()) == [("a", C), ("b", B)]
    assert list(changes.with_model("c", C).models) == ["a", "b", "c"]
    assert changes == Changes({"a": A, "b": B})


def test_what_was_given_up_may_come_back() -> None:
    without = Changes({"a": A, "b": B}).without_model("a", "it is broken")
    assert without == Changes({"b": B}, {"a": "it is broken"})
    assert without.with_model("a", A) == Changes({"b": B, "a": A})


def test_a_key_ends_after_its_time_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = Changes(access_key="new", old_access_key="old", old_until=time.monotonic() + 60)
    past = replace(soon, old_until=time.monotonic() - 1)
    for wrong in (0, time.time() + 1e9):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: wrong)
        assert soon.access_keys(None) == ["new", "old"]
        assert past.access_keys(None) == ["new"]
