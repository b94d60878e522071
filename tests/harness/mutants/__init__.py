"""Sampled mutants of the emitted `app/`: small edits at randomly drawn lines, run against the tests that reach them.

`source` parses a module and selects the nodes to mutate, `coarse`, `subtle` and `constants` define the operators,
`sample` draws mutants, `targets` selects the services, `coverage_map` maps lines to tests, `runner` runs the tests
with `plugin` in forks of a preloaded process, `score` reports.
"""
