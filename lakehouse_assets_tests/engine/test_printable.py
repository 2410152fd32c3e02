"""What people are told to type can be pasted."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.printable import shell_word


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_word_in_a_shell_is_one_word_again(text):
    """Whatever quotes, blanks and dollars a rule's name has."""
    assert shlex.split(f"accept --rule {shell_word(text)}") == ["accept", "--rule", text]


@pytest.mark.parametrize(
    "text", ["Product: isin(['Roll', 'Rye bread'])", "a 'b' $HOME `date` \\ !x \"y\"", "", "Price: ge(1)"]
)
def test_a_real_shell_agrees(text):
    """The first of these was told to a user, who could not paste it."""
    said = subprocess.run(["bash", "-c", f"printf %s {shell_word(text)}"], capture_output=True, text=True, check=True)

    assert said.stdout == text
