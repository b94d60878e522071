"""Commands of `slipway`, one module each."""
