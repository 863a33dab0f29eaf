"""Pure decisions of Evercert: no I/O, no clock, no dice, no Temporal. One idea per file."""
