"""Which kind of processor: by family, model and instruction set."""

import pytest

from benchmarks.machine import kind, machine


@pytest.mark.parametrize(
    ("family", "instructions", "expected"),
    [
        ("23/49", ["avx2"], "zen2-avx2"),
        ("25/1", ["avx2"], "zen3-avx2"),
        ("25/17", ["avx2", "avx512f", "avx512_vnni"], "zen4-vnni"),
        ("25/33", ["avx2"], "zen3-avx2"),
        ("25/97", ["avx2", "avx512f", "avx512_vnni"], "zen4-vnni"),
        ("26/2", ["avx2", "avx512f", "avx512_vnni", "avx_vnni"], "zen5-vnni"),
    ],
)
def test_amd(family: str, instructions: list[str], expected: str) -> None:
    amd = {"vendor": "AuthenticAMD", "family": family, "instructions": instructions}
    assert kind(amd) == expected


def test_others_are_called_what_they_say_of_themselves() -> None:
    intel = {"vendor": "GenuineIntel", "family": "6/85", "instructions": ["avx2", "avx512f"]}
    assert kind(intel) == "genuineintel-6-85-avx512f"
    assert kind({"vendor": "ARM", "family": "None/1", "instructions": []}) == "arm-none-1"


def test_the_one_at_hand_has_a_name_that_a_folder_can_have() -> None:
    assert "/" not in kind(machine())
