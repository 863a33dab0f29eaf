"""Orchestration only: what follows what, for whom it waits, and what a person may do about it."""
