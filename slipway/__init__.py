"""The command of the template: create, extend, inspect and update services."""
