"""The command `slipway`, which creates, extends, inspects and updates services."""
