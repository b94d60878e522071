"""Moves of files, modules and names: declared by releases, or caused by renames in the domain."""
