"""Development tools, not in the image: local databases, reload, migrations, API comparison."""
