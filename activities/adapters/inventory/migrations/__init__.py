"""Migrations of the inventory; a released one is never changed."""
