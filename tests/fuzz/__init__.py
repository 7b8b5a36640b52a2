"""Damaged and hostile files: mutations that know the structure of valid ones, and what must follow.

`python -m tests.fuzz --inputs N` runs many; tests/test_fuzz.py runs some, chosen by hypothesis,
which shrinks what fails. Both give the same functions a source of randomness.
"""
