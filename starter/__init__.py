"""How people and services reach Evercert: settings, client, command line, servers."""
