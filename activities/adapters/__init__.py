"""Adapters: every wire format and every third party, behind the ports; they know nothing of Temporal."""
