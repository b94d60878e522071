"""The command `slipway`: create, extend, inspect and update services."""
