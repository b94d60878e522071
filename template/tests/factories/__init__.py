"""What tests make, one module a resource."""
