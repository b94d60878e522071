"""Read a template: its Git repository, its releases, and the files that it renders."""
