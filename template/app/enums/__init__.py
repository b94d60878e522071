"""Enumerations of field values, shared by models and schemas."""
