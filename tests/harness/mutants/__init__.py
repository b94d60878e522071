"""Sampled mutants of the emitted `app/`: small edits at randomly drawn lines, run against the tests that reach them.

`source` parses a module and says what may be mutated, `coarse`, `subtle` and `constants` hold the operators, `sample`
draws, `targets` chooses the services, `coverage_map` finds the tests of each line, `runner` runs them by `plugin` in
forks of a warm process, `score` reports.
"""
