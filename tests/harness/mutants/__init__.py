"""Mutation tests of rendered services, which check that tests detect small edits of random lines in `app/`.

`source` parses a module and selects the nodes to mutate, `coarse`, `subtle` and `constants` define the operators,
`sample` draws mutants, `targets` selects the services, `coverage_map` maps lines to tests, `runner` runs the tests
with `plugin` in forks of a preloaded process, `score` reports.
"""
