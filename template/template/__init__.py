"""What this service's owner asks of the template that it came from.

`uv run template status` says how far the service is from it, `diff` shows what is the owner's,
`update` brings what is new, `undo` takes that back, and `fleet` looks at many services at once.
All rendering and merging is Copier's and Git's; this is what stands around them.
"""
