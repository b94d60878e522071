"""Read, rewrite, sort and resolve the imports of Python files.

The service's code is never run, and only the standard library is imported.
"""
