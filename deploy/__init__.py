"""What surrounds Evercert: scripts, the lock, and the sandbox that judges it."""
