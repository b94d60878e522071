"""What a checkout needs and the image does not: databases to hand, a server that reloads."""
