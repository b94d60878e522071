"""The source of a service: the template's repository, releases and renderings."""
