"""What goes over the wire, each way in a shape of its own."""
