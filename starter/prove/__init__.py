"""``evercert prove``: the promise "one order is one sale" put to the test on the user's own machine."""
