"""Fuzzing: for each parser of hostile input one target, whose first lines state what must hold for every input.

`python -m tests.fuzz TARGET FILE...` replays inputs, `python -m tests.fuzz TARGET --seconds 300` looks for new ones (atheris).
What was found is kept in `corpus/TARGET/` and replayed by every run of the tests, which need no atheris.
"""
