"""An update: proposed from three renderings, prepared and checked in a work tree, and written or recovered."""
