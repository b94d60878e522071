"""The template: its repository, releases and renderings."""
