"""What workflows ask of the world: thin activities over ports; wire formats live in ``activities/adapters``."""
