"""The commands of `slipway`, one per module."""
