"""One file per revision, in the order of their ``down_revision``."""
