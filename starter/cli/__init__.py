"""The command line: one file per noun, thin over the inventory and ``starter.client.EvercertClient``.

``main`` is the entry; ``verb`` turns a coroutine into a command; ``flags`` holds the flags that all share; ``answer`` and
``output`` are what a command says on stdout, ``problems`` what it says when it cannot.
"""
